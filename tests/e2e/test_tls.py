"""What testssl.sh has to say about the web server, under a certificate that an authority has signed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import observatory
from e2e.browser import Browser
from lab import Host
from lab.commands import run, wait_for

pytestmark = pytest.mark.every_release("web")

SCAN_SECONDS = 600
GRADE_SECONDS = 1800
INSTALL_SECONDS = 300
RELOAD_SECONDS = 120
PAGE = "/mailman3/postorius/lists/"
OBSERVED = ("/mailman3/", PAGE, "/mailman3/hyperkitty/", "/mailman3/accounts/login/")
SERIOUS = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}
CHECKS = (
    "--protocols",
    "--standard",
    "--fs",
    "--server-preference",
    "--server-defaults",
    "--headers",
    "--vulnerable",
)
"""All but the simulated clients, which take longer than the rest together and are never a finding."""
PROTOCOLS = {"TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "offered", "TLS1_3": "offered"}
"""Mozilla's intermediate profile. To testssl.sh, an old protocol is a finding of the weight LOW."""
PROVEN = (*PROTOCOLS, "cipher_order", "cert_trust", "HSTS_time", "heartbleed")
"""One finding of each check: a scan that ended early would have none that is serious either."""
EXTENSIONS = """\
subjectAltName = DNS:{name}
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
crlDistributionPoints = URI:http://crl.authority.example/1.crl
"""
"""Those of Let's Encrypt's certificates."""
CERTIFICATE = "/etc/listkit/certificate.json"
KEPT = "/var/lib/listkit-test-tls"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate authority: `ca.pem` and `ca.key`."""
    directory = tmp_path_factory.mktemp("authority")
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"),
        *("-subj", "/CN=Test authority", "-keyout", directory / "ca.key", "-out", directory / "ca.pem"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    return directory


def sign(authority: Path, name: str) -> tuple[str, str]:
    """A certificate for `name`, good for 90 days, and its key, as PEM."""
    request, key, leaf, extensions = (authority / part for part in ("request", "key", "leaf", "extensions"))
    extensions.write_text(EXTENSIONS.format(name=name))
    run(
        *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}"),
        *("-keyout", key, "-out", request),
    )
    run(
        *("openssl", "x509", "-req", "-in", request, "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key"),
        *("-CAcreateserial", "-days", "90", "-sha256", "-extfile", extensions, "-out", leaf),
    )
    return leaf.read_text(), key.read_text()


@contextmanager
def certified(site: Site, authority: Path) -> Iterator[None]:
    """Let the host have a certificate that the authority has signed, as `tls_mode: files` brings it."""
    host = site.web
    certificate, key = sign(authority, site.fqdn)
    host.run(f"mkdir -m 0700 {KEPT} && cp -a {CERTIFICATE} /var/lib/listkit/certificate {KEPT}/")
    try:
        host.write(f"{KEPT}/leaf.pem", certificate)
        host.write(f"{KEPT}/leaf.key", key, mode="0600")
        _configure(host, mode="files", certificate_file=f"{KEPT}/leaf.pem", key_file=f"{KEPT}/leaf.key")
        host.run("listkit certificate renew")
        _await_certificate(site)
        yield
    finally:
        host.run(
            f"rm -rf /var/lib/listkit/certificate && cp -a {KEPT}/certificate /var/lib/listkit/ &&"
            f"cp -a {KEPT}/certificate.json {CERTIFICATE} && rm -r {KEPT} && systemctl reload nginx"
        )
        _await_certificate(site)


def _await_certificate(site: Site) -> None:
    """Wait until the web server shows the certificate that is installed: a reload returns while old workers answer."""
    wait_for(lambda: _serves_installed(site), "the web server to show the installed certificate", RELOAD_SECONDS)


def _serves_installed(site: Site) -> bool:
    served, installed = site.web.run(
        f"openssl s_client -connect 127.0.0.1:443 -servername {site.fqdn} < /dev/null 2> /dev/null |"
        " openssl x509 -noout -fingerprint;"
        "openssl x509 -noout -fingerprint -in /var/lib/listkit/certificate/live/fullchain.pem"
    ).splitlines()
    return served == installed


def _configure(host: Host, **changes: str) -> None:
    host.write(CERTIFICATE, json.dumps({**json.loads(host.run(f"cat {CERTIFICATE}")), **changes}))


def scan(site: Site, authority: Path, report: Path) -> dict[str, dict]:
    """testssl.sh's findings about the host, by their ids."""
    where = ("--ip", site.web.address, "--nodns", "none", "--add-ca", str(authority / "ca.pem"))
    quietly = ("--quiet", "--color", "0", "--warnings", "batch", "--jsonfile", str(report))
    done = subprocess.run(
        ["testssl", *quietly, *where, *CHECKS, f"https://{site.fqdn}{PAGE}"],
        capture_output=True,
        text=True,
        timeout=SCAN_SECONDS,
        check=False,  # its status is the number of findings, whatever their weight
    )
    assert report.exists(), done.stdout + done.stderr
    return {finding["id"]: finding for finding in json.loads(report.read_text())}


def test_testssl_finds_nothing_above_low(deployment: Deployment, release: str, authority: Path, tmp_path: Path):
    site = deployment.sites[release]
    with certified(site, authority):
        findings = scan(site, authority, tmp_path / "testssl.json")
    assert [proof for proof in PROVEN if proof not in findings] == [], sorted(findings)
    said = {protocol: findings[protocol]["finding"] for protocol in PROTOCOLS}
    assert [protocol for protocol, word in PROTOCOLS.items() if not said[protocol].startswith(word)] == [], said
    # WARN isn't among them: it says what this machine's OpenSSL couldn't try.
    assert [finding for finding in findings.values() if finding["severity"] in SERIOUS] == []


@pytest.mark.slow
def test_testssl_grades_a_plus(deployment: Deployment, release: str, authority: Path):
    """Only a whole scan gets a grade, which takes minutes."""
    if release != "trixie":
        pytest.skip("testssl.sh grades since Debian 13's, and the host scans itself")
    site = deployment.sites[release]
    scanner = site.web
    scanner.run("apt-get install -y -q --no-install-recommends testssl.sh", timeout=INSTALL_SECONDS)
    scanner.write("/run/authority.pem", (authority / "ca.pem").read_text())
    where = f"--ip {site.web.address} --nodns none --add-ca /run/authority.pem https://{site.fqdn}{PAGE}"
    try:
        with certified(site, authority):
            # Its status is the number of findings, whatever their weight.
            said = scanner.try_run(
                f"testssl --quiet --color 0 --warnings batch --jsonfile /run/graded.json {where}", timeout=GRADE_SECONDS
            )
        assert scanner.try_run("test -s /run/graded.json").returncode == 0, said.stdout + said.stderr
        findings = {finding["id"]: finding for finding in json.loads(scanner.run("cat /run/graded.json"))}
    finally:
        scanner.run("rm -f /run/authority.pem /run/graded.json && apt-get purge -y -q --autoremove testssl.sh")
    rated = {name: finding["finding"] for name, finding in findings.items() if "grade" in name or "score" in name}
    assert rated.get("overall_grade") == "A+", rated


def test_the_observatory_would_grade_b_plus(deployment: Deployment, release: str, authority: Path):
    site = deployment.sites[release]
    with certified(site, authority):
        browser = Browser(site.fqdn, site.web.address, (authority / "ca.pem").read_text())
        pages = {path: browser.get(path) for path in OBSERVED}
    assert {page.status for page in pages.values()} == {200}
    grades = {path: observatory.grade(observatory.score(page.headers)) for path, page in pages.items()}
    assert set(grades.values()) <= {"A+", "A", "A-", "B+"}, grades
