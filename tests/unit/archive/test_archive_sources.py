"""Messages are found in files and directories of all kinds; what is none of them is named."""

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from listkit.archive import containers, sources
from listkit.archive.sources import SourceError

CASES = Path(__file__).with_name("cases")
ONE = (CASES / "one.eml").read_bytes()
BOX = gzip.decompress((CASES / "good.mbox.gz").read_bytes())


def read(path: Path, list_name: str = "") -> tuple[list[str], list[str]]:
    """Return the names of the messages' files, and the problems."""
    found = [item for source in sources.find(path, list_name) for item in source.messages()]
    problems = [str(item) for _, item in found if isinstance(item, SourceError)]
    return [name for name, item in found if not isinstance(item, SourceError)], problems


def tar(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, octets in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            archive.addfile(info, io.BytesIO(octets))
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return file.getvalue()


@pytest.mark.parametrize(
    "octets",
    [BOX, gzip.compress(BOX), bz2.compress(BOX), lzma.compress(BOX), lzma.compress(BOX, lzma.FORMAT_ALONE),
     gzip.compress(bz2.compress(BOX)), zipped(a=BOX),
     gzip.compress(BOX[:500]) + gzip.compress(BOX[500:]) + b"\0" * 512],
    ids=["plain", "gzip", "bzip2", "xz", "lzma", "twice", "zip", "gzip of several members, padded"],
)  # fmt: skip
def test_compressed_files_are_read(tmp_path, octets):
    file = tmp_path / "a.mbox"
    file.write_bytes(octets)
    names, problems = read(file)
    assert (len(names), problems) == (3, [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_that_an_editor_saved_as_utf_16_is_read(tmp_path, encoding):
    file = tmp_path / "a.mbox"
    file.write_bytes((BOX * 200).decode().encode(encoding))
    assert (len(read(file)[0]), read(file)[1]) == (600, [])


def test_zstd_is_read(tmp_path):
    file = tmp_path / "a.mbox.zst"
    file.write_bytes(subprocess.run(["zstd", "-c"], input=BOX, capture_output=True, check=True).stdout)
    assert len(read(file)[0]) == 3


def test_without_the_program_zstd_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(containers.shutil, "which", lambda name: None)
    file = tmp_path / "a.mbox.zst"
    file.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
    assert "apt-get install zstd" in read(file)[1][0]


@pytest.mark.parametrize("packed", [tar, zipped])
def test_packed_files_name_their_members_and_what_is_no_mail(tmp_path, packed):
    file = tmp_path / "all"
    file.write_bytes(packed(**{"1.eml": ONE, "box": gzip.compress(BOX), "README": b"Hello!\n", "index.html": b"<p>"}))
    names, problems = read(file)
    assert sorted(names) == ["all/1.eml", *["all/box"] * 3]
    assert problems == ["all/README is neither a mailbox nor a message; it begins with: Hello!"]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_truncated_file_is_read_as_far_as_it_goes_and_named(tmp_path, compress):
    file = tmp_path / "a.mbox"
    file.write_bytes(compress(BOX * 400)[:-20])
    names, problems = read(file)
    assert problems == ["a.mbox can't be read to its end: its end is missing"]
    # Nothing of bzip2's blocks of 900 kB can be had without their ends.
    assert names or compress is bz2.compress
    file.write_bytes(compress(BOX)[:-4])
    names, problems = read(file)
    assert (len(names), problems) == (2, ["a.mbox can't be read to its end: its end is missing"])


def test_a_damaged_member_of_a_zip_file_keeps_the_others_from_nothing(tmp_path):
    octets = bytearray(zipped(a=BOX, b=b"X-Damaged: yes\n" + ONE, c=BOX))
    octets[octets.index(b"yes")] ^= 1
    (tmp_path / "all.zip").write_bytes(octets)
    names, problems = read(tmp_path / "all.zip")
    assert names == ["all.zip/a"] * 3 + ["all.zip/c"] * 3
    assert problems == ["all.zip/b can't be read to its end: Bad CRC-32 for file 'b'"]


@pytest.mark.parametrize("octets", [zipped(), zipped(**{"index.html": b"<p>"})])
def test_a_packed_file_without_mail_is_named(tmp_path, octets):
    (tmp_path / "all.zip").write_bytes(octets)
    assert read(tmp_path / "all.zip") == ([], ["all.zip holds no messages"])


def test_one_message_with_a_line_that_looks_like_a_separator_is_one(tmp_path):
    file = tmp_path / "one.eml"
    file.write_bytes(ONE.replace(b"\n", b"\r\n") + b"\r\n" + BOX)
    assert len(read(file)[0]) == 1


def test_directories_of_messages_and_maildirs(tmp_path):
    for name in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new"):
        (tmp_path / "maildir" / name).mkdir(parents=True)
    for name in ("cur/1:2,S", "new/2", "tmp/3", ".Sent/cur/4.host:2,S", "dovecot.index.log"):
        (tmp_path / "maildir" / name).write_bytes(ONE)
    (tmp_path / "10.eml").write_bytes(ONE)
    (tmp_path / ".DS_Store").write_bytes(b"\x00\x00")
    (tmp_path / "Inbox.msf").write_bytes(b"// <!-- <mdb:mork:z -->\n")
    (tmp_path / "a link to above").symlink_to(tmp_path)
    (tmp_path / "2015.log").write_bytes(BOX)
    names, problems = read(tmp_path)
    assert names == ["10.eml", *["2015.log"] * 3, "maildir/.Sent/cur/4.host:2,S", "maildir/cur/1:2,S", "maildir/new/2"]
    assert problems == []


@pytest.fixture
def private(tmp_path) -> Path:
    """A Mailman 2 tree: `board` has lost its mbox."""
    (tmp_path / "members.mbox").mkdir()
    (tmp_path / "members.mbox/members.mbox").write_bytes(BOX)
    for name in ("members", "board"):
        (tmp_path / name).mkdir()
        for month in ("2015-March.txt.gz", "2014-December.txt.gz", "2015-February.txt.gz"):
            (tmp_path / name / month).write_bytes(gzip.compress(BOX))
    (tmp_path / "board/2015-March.txt").write_bytes(BOX)
    (tmp_path / "board/index.html").write_text("<html>")
    return tmp_path


def test_a_mailman_2_tree_has_an_mbox_or_months_of_each_list(private):
    assert sorted(sources.mailman2_lists(private)) == ["board", "members"]
    assert set(read(private, "members")[0]) == {"members.mbox/members.mbox"}
    assert list(dict.fromkeys(read(private, "board")[0])) == [
        "board/2014-December.txt.gz", "board/2015-February.txt.gz", "board/2015-March.txt",
    ]  # fmt: skip


def test_a_list_of_a_tree_is_found_whatever_the_case_of_its_name(private):
    (private / "Staff.mbox").mkdir()
    (private / "Staff.mbox/Staff.mbox").write_bytes(BOX)
    assert len(read(private, "staff")[0]) == 3


def test_a_list_that_a_tree_does_not_have_is_refused_with_the_names_of_those_that_it_has(private):
    with pytest.raises(SourceError, match=r"has no archive of staff; it has board, members"):
        sources.find(private, "staff")


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "a is empty"),
        (b"\n\n", "a is empty"),
        (b"\0" * 100, "a is empty"),
        (b"\xef\xbb\xbf\r\n", "a is empty"),
        (b"%PDF-1.4\n", "a is neither a mailbox nor a message; it begins with: %PDF-1.4"),
        (b"\xff\xd8\x00x", r"a is neither a mailbox nor a message; it begins with: \xff\xd8\x00x"),
        (gzip.compress(b"", mtime=0), "a is empty"),
        (b"PK\x03\x04" + b"x" * 100, "a can't be read to its end: File is not a zip file"),
    ],
)
def test_a_file_that_is_no_mail_is_named_with_the_reason(tmp_path, octets, problem):
    (tmp_path / "a").write_bytes(octets)
    assert read(tmp_path / "a") == ([], [problem])


def test_a_missing_file_and_an_empty_directory_are_refused(tmp_path):
    with pytest.raises(SourceError, match="doesn't exist"):
        sources.find(tmp_path / "nothing")
    with pytest.raises(SourceError, match="holds no messages"):
        sources.find(tmp_path)


def test_the_source_says_how_far_it_was_read(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(gzip.compress(BOX))
    [source] = sources.find(file)
    assert source.octets_read == 0
    list(source.messages())
    assert source.octets_read == source.octets
