"""A deployed host's web interface, and posts that go straight into its Mailman."""

from __future__ import annotations

import mailbox
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from deployment import ADMIN_PASSWORD, ADMIN_USER, Deployment, Site
from e2e.browser import Browser, Page, first

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ARCHIVED_WITHIN_SECONDS = 60
SEARCHABLE_WITHIN_SECONDS = 120
RATE_SECONDS = 90
"""How long one may have to wait until a form is taken again: ten a minute and address are."""

_DELIVER = """
import smtplib, sys
sender, recipient = sys.argv[1:]
with smtplib.LMTP("127.0.0.1", 8024, timeout=60) as lmtp:
    lmtp.sendmail(sender, [recipient], sys.stdin.buffer.read())
"""


@dataclass(frozen=True)
class WebSite:
    """The web interface of a deployed host. `certificate`: the one (PEM) that its browsers believe."""

    site: Site
    certificate: str

    @classmethod
    def of(cls, site: Site) -> WebSite:
        """The web interface with the certificate that it has now."""
        return cls(site, site.host.run("cat /var/lib/listkit/certificate/live/fullchain.pem"))

    def browser(self) -> Browser:
        """A browser that has never been here."""
        return Browser(self.site.fqdn, self.site.host.address, self.certificate)

    def stranger(self) -> Browser:
        """A browser at another address than everybody else's: what it is refused, others still get."""
        host = self.site.host
        address = first(r" inet6 (fe80:[^/]+)/", host.run("ip -6 -oneline address show dev eth0"))
        return Browser(self.site.fqdn, f"{address}%{host.network.bridge}", self.certificate)

    def superuser(self) -> Browser:
        """A browser in which the first administrator has logged in."""
        browser = self.browser()
        page = log_in(browser, ADMIN_USER, ADMIN_PASSWORD)
        assert page.url.startswith(browser.url("/mailman3/postorius/lists/")), page.text[:2000]
        return browser

    def deliver(self, message: EmailMessage) -> None:
        """Have Mailman take a message, as the bridge hands it over."""
        command = shlex.join(["python3", "-c", _DELIVER, message["From"], message["To"]])
        self.site.host.run(command, stdin=message.as_string())


def submit(browser: Browser, page: Page, **fields: str) -> Page:
    """Fill a form in and send it."""
    return _patiently(lambda: browser.submit(page, **fields))


def confirm(browser: Browser, page: Page) -> Page:
    """Say yes to the page's question."""
    return _patiently(lambda: browser.confirm(page))


def _patiently(send: Callable[[], Page]) -> Page:
    """Send a form, and again while the host says that too many were sent."""
    return wait_for("form to be taken", RATE_SECONDS, send, lambda answer: answer.status != 429, every=2)


def log_in(browser: Browser, name: str, password: str) -> Page:
    """Log in by the form."""
    return submit(browser, browser.get("/mailman3/accounts/login/"), login=name, password=password)


def wait_for(
    what: str, seconds: float, look: Callable[[], Page], well: Callable[[Page], bool], every: float = 0.5
) -> Page:
    """Look at a page until it is well, and return it; say what was there when it never is."""
    deadline = time.monotonic() + seconds
    while not well(page := look()):
        assert time.monotonic() < deadline, f"no {what} within {seconds} s: HTTP {page.status}\n{page.text[:2000]}"
        time.sleep(every)
    return page


def archived(browser: Browser, address: str, subject: str) -> Page:
    """Wait for the post called `subject` in a list's archive and return its thread's page."""
    month = f"/mailman3/hyperkitty/list/{address}/latest"
    page = wait_for(
        f"post {subject}", ARCHIVED_WITHIN_SECONDS, lambda: browser.get(month), lambda page: subject in page.text
    )
    return browser.get(first(rf'href="(/mailman3/hyperkitty/list/{address}/thread/[^/"]+/)', page.text))


def remove_archive(superuser: Browser, address: str) -> None:
    """Remove a list's archive, which outlives the list."""
    page = superuser.get(f"/mailman3/hyperkitty/list/{address}/delete/")
    if page.status == 200:
        confirm(superuser, page)


@contextmanager
def removing_archive(website: WebSite, address: str) -> Iterator[None]:
    """Remove the list's archive afterwards."""
    try:
        yield
    finally:
        remove_archive(website.superuser(), address)


def import_mbox(
    deployment: Deployment, release: str, address: str, messages: Iterable[EmailMessage], directory: Path
) -> str:
    """Import messages into a list's archive as an operator does; return what Ansible said."""
    box = mailbox.mbox(directory / "import.mbox")
    box.clear()
    for message in messages:
        box.add(message)
    box.close()
    words = ("-e", f"import_list={address}", "-e", f"import_mbox={directory}/import.mbox", "--limit", release)
    playbook = ("ansible-playbook", "-i", str(deployment.inventory), "playbooks/import-mbox.yml", *words)
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(playbook, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr
