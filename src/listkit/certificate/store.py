"""The directory where the web server finds its certificate."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from listkit.certificate.files import Certificate, Pair
from listkit.common.durable import sync_directory, write_durably

NGINX_TRUST = "map $scheme $listkit_trusted {{\n    default {trusted:d};\n}}\n"
"""Sets a variable to 1 when browsers trust the certificate. The web server's own file says what follows from that."""


class Store:
    """The directory: `live/` in it is a link that changes all the web server's files at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._served = root / "served"

    @property
    def live(self) -> Path:
        """The directory with `fullchain.pem`, `privkey.pem` and `trusted.conf` (for nginx)."""
        return self._root / "live"

    def installed(self) -> Pair | None:
        """Return the installed certificate; None when there is none, or none that a web server can use."""
        pair = Pair.usable(self.live / "fullchain.pem", self.live / "privkey.pem")
        return pair if (self.live / "trusted.conf").exists() else None

    def holds(self, pair: Pair) -> bool:
        """Whether `pair` is installed, with the trust that browsers have in it."""
        return self.installed() == pair and (self.live / "trusted.conf").read_text() == _trust(pair.certificate)

    @property
    def served(self) -> bool:
        """Whether the web server has loaded the files that are in `live/` now."""
        try:
            return self._served.read_text() == str(self.live.readlink())
        except OSError:
            return False

    def mark_served(self) -> None:
        """Record that the web server has loaded the files that are in `live/` now."""
        write_durably(self._served, str(self.live.readlink()))

    def install(self, pair: Pair) -> None:
        """Put `pair` in place and remove its predecessor."""
        certificate = pair.certificate
        self._root.mkdir(parents=True, exist_ok=True)
        generation = Path(tempfile.mkdtemp(dir=self._root, prefix=f"{certificate.fingerprint[:12]}-"))
        write_durably(generation / "fullchain.pem", pair.chain)
        write_durably(generation / "privkey.pem", pair.key, 0o600)
        write_durably(generation / "trusted.conf", _trust(certificate))
        generation.chmod(0o755)
        link = generation.with_name("live.new")
        link.unlink(missing_ok=True)
        link.symlink_to(generation.name)
        link.replace(self.live)
        sync_directory(self._root)
        for path in self._root.iterdir():
            if path.is_dir() and not path.is_symlink() and path != generation:
                shutil.rmtree(path)


def _trust(certificate: Certificate) -> str:
    return NGINX_TRUST.format(trusted=not certificate.self_signed)
