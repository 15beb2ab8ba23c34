"""What the provider's filter would refuse is known beforehand."""

import gzip
import io
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests/infomaniak/host"))

from stand_in.content import FORBIDDEN as REFUSED  # noqa: E402 -- it lives on its hosts, not on our path
from stand_in.content import forbidden_attachment  # noqa: E402 -- the path above has to be there first

from listkit.common.submission_rules import MOST_HOPS, SubmissionRules, rules  # noqa: E402 -- the path above has to be there first
from listkit.mailman import submission_filter  # noqa: E402 -- the path above has to be there first
from listkit.mailman.submission_filter import objections, withhold_content  # noqa: E402 -- the path above has to be there first

DEFAULTS = yaml.safe_load((ROOT / "roles/relay/defaults/main.yml").read_text())

RULES = SubmissionRules(("exe", "js"), 1024 * 1024)


def message(name=None, content=b""):
    made = EmailMessage()
    made["From"], made["Subject"] = "ana@example.com", "Photos"
    made.set_content("Hello.")
    if name:
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message_from_bytes(made.as_bytes())


def zipped(method=zipfile.ZIP_DEFLATED, **files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(name):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    return stream.getvalue()


EXE = {"setup.exe": b"MZ"}
FORBIDDEN = [
    ("setup.exe", b"MZ"),
    ("SETUP.EXE", b"MZ"),
    ("photo.jpg.js", b"x"),
    ("setup.exe.", b"MZ"),
    ("setup.exe ", b"MZ"),
    ("photos.zip", zipped(**EXE)),
    ("photos.dat", zipped(**EXE)),
    ("photos.zip", zipped(**{"inner.zip": zipped(**EXE)})),
    ("photos.zip", zipped(**{"inner.zip": zipped(**{"inmost.zip": zipped(**EXE)})})),
    ("photos.tar.gz", tarred("folder/setup.exe")),
    ("photos.tar", gzip.decompress(tarred("folder/setup.exe"))),
    ("photos.zip", zipped(**{"inner.tgz": tarred("setup.exe")})),
    ("photos.zip", zipped(**{"damaged.zip": zipped(**EXE)[:-9], "setup.exe": b"MZ"})),
]


@pytest.mark.parametrize(("name", "content"), FORBIDDEN)
def test_forbidden_files_are_found(name, content):
    (reason,) = objections(message(name, content), 100, RULES)
    assert name.strip() in reason
    assert ".exe" in reason or ".js" in reason


@pytest.mark.parametrize(("name", "content"), [*FORBIDDEN, *[(f"a.{kind}", b"x") for kind in sorted(REFUSED)]])
def test_nothing_that_the_service_refuses_gets_past_us(name, content):
    rules = SubmissionRules(tuple(DEFAULTS["relay_forbidden_extensions"]))
    if forbidden_attachment(message(name, content).as_bytes()):
        assert objections(message(name, content), 100, rules)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (None, b""),
        ("photo.jpg", b"\xff\xd8"),
        ("exe", b"MZ"),
        ("photos.zip", zipped(**{"photo.jpg": b"x"})),
        ("photos.zip", b"PK\x03\x04 and nothing more"),
        ("notes.gz", gzip.compress(b"notes", mtime=0)),
        ("notes.gz", gzip.compress(b"notes", mtime=0)[:-4]),
    ],
)
def test_other_messages_pass(name, content):
    assert objections(message(name, content), 100, RULES) == []


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
ARCHIVES = [zipped(method, **{"inner.zip": zipped(method, photo=bytes(50))}) for method in METHODS] + [tarred("photo")]


@given(archive=st.sampled_from(ARCHIVES), damage=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1))
def test_no_archive_makes_it_fail(archive, damage):
    damaged = bytearray(archive)
    for place, octet in damage:
        damaged[place % len(damaged)] = octet
    objections(message("photos.zip", bytes(damaged)), 100, RULES)


def test_an_archive_of_a_newer_kind_passes():
    archive = bytearray(zipped(photo=b"x"))
    # The version that is needed to extract the file, in the directory at the end.
    archive[archive.index(b"PK\x01\x02") + 6] = 99
    assert objections(message("photos.zip", bytes(archive)), 100, RULES) == []


def test_a_forwarded_message_is_looked_into():
    outer = EmailMessage()
    outer.set_content("See below.")
    inner = EmailMessage()
    inner.set_content("x")
    inner.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="setup.exe")
    outer.add_attachment(inner)
    assert objections(message_from_bytes(outer.as_bytes()), 100, RULES)


def test_a_message_that_is_too_large_is_reported_with_the_excess():
    (reason,) = objections(message(), 2 * 1024 * 1024, RULES)
    assert "2.0 MB" in reason
    assert "0.9 MB" in reason


def test_a_message_that_goes_in_circles_is_refused_before_a_server_on_its_way_does():
    circling = message()
    for hop in range(MOST_HOPS):
        circling["Received"] = f"from a{hop}.example.com by b.example.com; Mon, 30 Nov 2026 02:00:00 +0000"
    assert objections(circling, 100, RULES) == []
    circling["Received"] = "from a.example.com by c.example.com; Mon, 30 Nov 2026 02:00:00 +0000"
    (reason,) = objections(circling, 100, RULES)
    assert "has passed 31 mail servers, of at most 30" in reason
    withhold_content(circling)
    assert objections(circling, 100, RULES) == []


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(submission_filter, "LARGEST_UNPACKED_BYTES", 10)
    assert objections(message("photos.zip", zipped(**{"inner.zip": zipped(**EXE)})), 100, RULES) == []


@pytest.mark.parametrize(
    "attached", [zipped(**{f"{n}.zip": bytes(10**7) for n in range(10)}), gzip.compress(bytes(10**8))]
)
def test_a_bomb_in_many_parts_is_not_unpacked_either(monkeypatch, attached):
    unpacked = []
    unpack = submission_filter.Allowance.unpack
    monkeypatch.setattr(
        submission_filter.Allowance,
        "unpack",
        lambda self, stream: unpacked.append(unpack(self, stream)) or unpacked[-1],
    )
    bomb = message("photos.zip", attached)
    for _ in range(3):
        bomb.attach(bomb.get_payload()[1])
    assert objections(bomb, 100, RULES) == []
    assert sum(map(len, unpacked)) == submission_filter.LARGEST_UNPACKED_BYTES


def test_a_name_that_is_written_as_a_header_is_read():
    encoded = message("photo.jpg", b"MZ")
    part = encoded.get_payload()[1]
    part.replace_header("Content-Disposition", 'attachment; filename="=?utf-8?B?c2V0dXAuZXhl?="')
    (reason,) = objections(message_from_bytes(encoded.as_bytes()), 100, RULES)
    assert '"setup.exe"' in reason
    part.replace_header("Content-Disposition", 'attachment; filename="=?nonsense?B?c2V0dXAuZXhl?="')
    assert objections(message_from_bytes(encoded.as_bytes()), 100, RULES) == []


def test_the_notice_to_the_poster_passes_the_filter():
    refused = message("setup.exe", b"MZ")
    withhold_content(refused)
    again = message_from_bytes(refused.as_bytes())
    assert objections(again, 100, RULES) == []
    assert again["Subject"] == "Photos"
    assert "left out" in again.get_payload(decode=True).decode()


def test_without_configuration_nothing_is_forbidden(tmp_path):
    assert objections(message("setup.exe", b"MZ"), 10**9, rules(tmp_path / "missing.json")) == []
