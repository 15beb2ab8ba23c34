"""The private certification authority of a lab's mail service, and of others like it."""

from pathlib import Path

from lab.commands import run

NAMES = ("mail.infomaniak.com", "mta-gw.infomaniak.ch", "mx.strict.test")


def make(directory: Path, *names: str) -> tuple[str, str]:
    """Make an authority, `ca.pem` in the directory, and a server certificate; returns certificate and key as PEM."""
    directory.mkdir(parents=True, exist_ok=True)
    ca_key, ca = directory / "ca.key", directory / "ca.pem"
    key, request, certificate = directory / "server.key", directory / "server.csr", directory / "server.pem"
    extensions = directory / "extensions"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("openssl", "req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", "30", "-subj", "/CN=Stand-in CA",
        "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run("openssl", "req", *curve, "-keyout", key, "-out", request, "-subj", f"/CN={names[0]}")
    extensions.write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\n")
    run("openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", "30", "-extfile", extensions,
        "-out", certificate)  # fmt: skip
    return certificate.read_text(), key.read_text()


def signing_pair() -> tuple[str, str]:
    """An RSA key for DKIM: private as PEM, public as in a DNS record."""
    private = run("openssl", "genrsa", "2048")
    public = run("openssl", "rsa", "-pubout", stdin=private)
    return private, "".join(line for line in public.splitlines() if not line.startswith("-"))
