"""Certificates as files, made and read by the real openssl."""

import os
import time

import pytest

from listkit.certificate import files
from listkit.certificate.files import Certificate, CertificateError, Pair, make_self_signed
from listkit.certificate.store import Store

NAMES = ["lists.example.org", "lists.example.net"]
DAY = 86_400


@pytest.fixture(scope="module")
def pair():
    return make_self_signed(NAMES)


def certificate(names=("lists.example.org",), days_gone=0, days_left=90):
    now = time.time()
    return Certificate(frozenset(names), now - days_gone * DAY, now + days_left * DAY, False, "00")


def test_a_self_signed_certificate_is_for_all_names_and_long_enough(pair):
    made = pair.certificate
    assert made.names == set(NAMES)
    assert made.self_signed
    assert made.covers(NAMES)
    assert made.not_after - made.not_before == pytest.approx(files.SELF_SIGNED_DAYS * DAY, abs=DAY)
    pair.check()


def test_a_strict_client_takes_a_pinned_self_signed_certificate(pair, tmp_path):
    """Python 3.13 checks what RFC 5280 asks of a certificate authority."""
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pair.chain)
    options = ("-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAMES[0])
    files.openssl("verify", *options, "-CAfile", str(chain), str(chain))


def test_a_key_of_another_certificate_is_refused(pair):
    with pytest.raises(CertificateError, match="does not belong"):
        Pair(pair.chain, make_self_signed(NAMES).key).check()


def test_a_key_of_another_kind_is_refused(pair):
    other = files.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    with pytest.raises(CertificateError, match="does not belong"):
        Pair(pair.chain, other.encode()).check()


def test_a_chain_that_ends_in_the_middle_is_refused(pair):
    """The web server reads all of it, not only the first certificate."""
    with pytest.raises(CertificateError, match="is not usable"):
        Pair(pair.chain + pair.chain[:200], pair.key).check()


def test_an_encrypted_key_is_refused_without_asking_for_its_password(pair):
    words = ("pkey", "-aes256", "-passout", "pass:secret")
    with pytest.raises(CertificateError, match="is not usable"):
        Pair(pair.chain, files.openssl(*words, stdin=pair.key).encode()).check()


def test_what_is_no_certificate_is_refused():
    with pytest.raises(CertificateError, match="openssl x509"):
        files.parse(b"nonsense")


def test_a_missing_file_makes_no_pair(tmp_path):
    assert Pair.read(tmp_path / "a", tmp_path / "b") is None


@pytest.mark.parametrize(
    ("names", "wanted", "covered"),
    [
        (["lists.example.org"], ["lists.example.org"], True),
        (["lists.example.org"], ["lists.example.org", "lists.example.net"], False),
        (["*.example.org"], ["lists.example.org"], True),
        (["*.example.org"], ["a.lists.example.org"], False),
        (["*.example.org"], ["example.org"], False),
    ],
)
def test_covers(names, wanted, covered):
    assert certificate(names).covers(wanted) is covered


@pytest.mark.parametrize(
    ("gone", "left", "due"), [(59, 31, False), (61, 29, True), (3, 3, False), (5, 1, True), (91, -1, True)]
)
def test_a_certificate_is_due_after_two_thirds_of_its_life(gone, left, due):
    assert certificate(days_gone=gone, days_left=left).is_due(time.time()) is due


def test_the_store_changes_everything_at_once_and_keeps_the_key_to_itself(tmp_path, pair):
    store = Store(tmp_path / "certificate")
    assert store.installed() is None
    assert not store.served
    os.umask(0)
    store.install(pair)
    assert store.installed() == pair
    assert (store.live / "privkey.pem").stat().st_mode & 0o777 == 0o600
    other = make_self_signed(NAMES[:1])
    store.install(other)
    assert store.installed() == other
    assert len([path for path in store.live.parent.iterdir() if path.name != "live"]) == 1


def test_only_a_trusted_certificate_brings_strict_transport_security(tmp_path, pair, monkeypatch):
    store = Store(tmp_path)
    store.install(pair)
    assert "default 0;" in (store.live / "trusted.conf").read_text()
    monkeypatch.setattr(files, "parse", lambda pem: certificate())
    store.install(pair)
    assert "default 1;" in (store.live / "trusted.conf").read_text()


def test_what_is_served_is_known_until_something_new_is_installed(tmp_path, pair):
    store = Store(tmp_path)
    store.install(pair)
    assert not store.served
    store.mark_served()
    assert Store(tmp_path).served
    store.install(make_self_signed(NAMES))
    assert not store.served


@pytest.mark.parametrize("file", ["fullchain.pem", "privkey.pem"])
def test_a_damaged_store_counts_as_empty(tmp_path, pair, file):
    store = Store(tmp_path)
    store.install(pair)
    (store.live / file).write_text("nonsense")
    assert store.installed() is None
