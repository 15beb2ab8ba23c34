"""What an S3-compatible storage does with objects that are overwritten or removed, as it answers the host's own key."""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import hmac
import http.client
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from listkit.backup.errors import BackupError

REGION = "us-east-1"
"""The one that restic, too, signs for unless it is told another."""
SECONDS = 20
MOST_BYTES = 65536
"""An answer is some hundred bytes long."""
NO_LOCK = "ObjectLockConfigurationNotFoundError"
_NOTHING = hashlib.sha256(b"").hexdigest()


def promises(place: str, credentials: Path) -> Iterator[str]:
    """Yield what the bucket of a repository promises, for people. Raises BackupError.

    place: such as s3:https://storage.example.org/bucket; credentials: the file with the key.
    """
    yield f"versions: {_versions(_ask(place, credentials, 'versioning'))}"
    yield f"object lock: {_lock(_ask(place, credentials, 'object-lock'))}"


def _versions(answer: str) -> str:
    if code := _text(answer, "Code"):
        return f"unknown; the storage answers {code}"
    if _text(answer, "Status") == "Enabled":
        return "the storage keeps what is overwritten or removed, until a key that may remove versions does that"
    return "off; what is overwritten or removed is lost"


def _lock(answer: str) -> str:
    code = _text(answer, "Code")
    if code and code != NO_LOCK:
        return f"unknown; the storage answers {code}"
    if code or _text(answer, "ObjectLockEnabled") != "Enabled":
        return "off"
    found = re.search(r"<(Day|Year)s>(\d+)</", answer)
    if not found:
        return "on, but the bucket has no default retention, so no backup is locked"
    unit, count = found.groups()
    duration = f"{count} {unit.lower()}{'' if count == '1' else 's'}"
    if _text(answer, "Mode") == "COMPLIANCE":
        return f"no key can destroy what was stored within the last {duration}; a backup may need older files"
    return f"only a key that may bypass the retention can destroy what was stored within the last {duration}"


def _text(answer: str, element: str) -> str:
    """Return the content of an element without children; no parser, because the storage may be an attacker's."""
    found = re.search(rf"<{element}>\s*(\w+)\s*</{element}>", answer)
    return found[1] if found else ""


def _ask(place: str, credentials: Path, question: str) -> str:
    """Return the storage's answer, which may be an error in XML, to a question about the bucket."""
    address = place.removeprefix("s3:")
    url = urlsplit(address if "://" in address else f"https://{address}")
    bucket = "/" + quote(url.path.strip("/").partition("/")[0])
    headers = _signed(url.netloc, bucket, question, *_key(credentials), datetime.now(UTC))
    kind = http.client.HTTPConnection if url.scheme == "http" else http.client.HTTPSConnection
    try:
        with contextlib.closing(kind(url.netloc, timeout=SECONDS)) as connection:
            connection.request("GET", f"{bucket}?{question}=", headers=headers)
            response = connection.getresponse()
            said = response.read(MOST_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise BackupError(f"{place}: the storage can't be reached ({error})") from error
    return said if response.status == http.client.OK or _text(said, "Code") else f"<Code>{response.status}</Code>"


def _key(credentials: Path) -> tuple[str, str]:
    parser = configparser.RawConfigParser()
    parser.read(credentials)
    return parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"]


def _signed(host: str, path: str, question: str, key: str, secret: str, now: datetime) -> dict[str, str]:
    """Return the headers of a GET that carry its signature, version 4."""
    moment, scope = now.strftime("%Y%m%dT%H%M%SZ"), f"{now:%Y%m%d}/{REGION}/s3/aws4_request"
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": moment}
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    canonical = "\n".join(["GET", path, f"{question}=", *lines, "", names, _NOTHING])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signer = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), to_sign):
        signer = hmac.digest(signer, part.encode(), "sha256")
    signature = signer.hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": authorization}
