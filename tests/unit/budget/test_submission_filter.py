"""What the provider's filter would refuse is known beforehand."""

import gzip
import io
import tarfile
import zipfile
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from listkit.mailman import submission_filter
from listkit.mailman.submission_filter import configuration, objections, withhold_content

RULES = {"forbidden_extensions": ["exe", "js"], "message_size_limit": 1024 * 1024}


def message(name=None, content=b""):
    made = EmailMessage()
    made["From"], made["Subject"] = "ana@example.com", "Photos"
    made.set_content("Hello.")
    if name:
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message_from_bytes(made.as_bytes())


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("setup.exe", b"MZ"),
        ("SETUP.EXE", b"MZ"),
        ("photo.jpg.js", b"x"),
        ("setup.exe.", b"MZ"),
        ("setup.exe ", b"MZ"),
        ("photos.zip", zipped(**EXE)),
        ("photos.dat", zipped(**EXE)),
        ("photos.zip", zipped(**{"inner.zip": zipped(**EXE)})),
        ("photos.tar.gz", tarred("folder/setup.exe")),
        ("photos.zip", zipped(**{"inner.tgz": tarred("setup.exe")})),
    ],
)
def test_forbidden_files_are_found(name, content):
    (reason,) = objections(message(name, content), 100, RULES)
    assert name.strip() in reason
    assert ".exe" in reason or ".js" in reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (None, b""),
        ("photo.jpg", b"\xff\xd8"),
        ("exe", b"MZ"),
        ("photos.zip", zipped(**{"photo.jpg": b"x"})),
        ("photos.zip", b"PK\x03\x04 and nothing more"),
        ("notes.gz", gzip.compress(b"notes")),
        ("notes.gz", gzip.compress(b"notes")[:-4]),
    ],
)
def test_other_messages_pass(name, content):
    assert objections(message(name, content), 100, RULES) == []


def test_a_forwarded_message_is_looked_into():
    outer = EmailMessage()
    outer.set_content("See below.")
    inner = EmailMessage()
    inner.set_content("x")
    inner.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="setup.exe")
    outer.add_attachment(inner)
    assert objections(message_from_bytes(outer.as_bytes()), 100, RULES)


def test_a_message_that_is_too_large_is_told_by_how_much():
    (reason,) = objections(message(), 2 * 1024 * 1024, RULES)
    assert "2.0 MB" in reason
    assert "0.9 MB" in reason


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(submission_filter, "LARGEST_INNER_BYTES", 10)
    assert objections(message("photos.zip", zipped(**{"inner.zip": zipped(**EXE)})), 100, RULES) == []


def test_the_notice_to_the_poster_passes_the_filter():
    refused = message("setup.exe", b"MZ")
    withhold_content(refused)
    again = message_from_bytes(refused.as_bytes())
    assert objections(again, 100, RULES) == []
    assert again["Subject"] == "Photos"
    assert "left out" in again.get_payload(decode=True).decode()


def test_without_configuration_nothing_is_forbidden(tmp_path):
    assert objections(message("setup.exe", b"MZ"), 10**9, configuration(tmp_path / "missing.json")) == []
