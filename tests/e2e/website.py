"""A deployed host's web interface, and posts that go straight into its Mailman."""

from __future__ import annotations

import json
import mailbox
import re
import secrets
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from deployment import ADMIN_PASSWORD, ADMIN_USER, Deployment, Site
from e2e import playbook
from e2e.browser import Browser, Page, first
from e2e.mailing import MailingList

ARCHIVED_WITHIN_SECONDS = 120
MAILED_WITHIN_SECONDS = 120
SEARCHABLE_WITHIN_SECONDS = 240
RATE_SECONDS = 90
"""How long one may have to wait until a form is taken again: ten a minute and address are."""

MANAGE = "cd /usr/share/mailman3-web && runuser -u www-data -- python3 manage.py"
"""Begins a shell command: one of Django's."""

TOO_SOON = "Something went wrong. Please try again."
"""The answer to a form that came faster than a person fills it in."""

_DELIVER = """
import smtplib, sys
sender, recipient = sys.argv[1:]
with smtplib.LMTP("127.0.0.1", 8024, timeout=60) as lmtp:
    lmtp.sendmail(sender, [recipient], sys.stdin.buffer.read())
"""

_HAND_OVER = """
import smtplib, sys
recipient, word, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with smtplib.LMTP("127.0.0.1", 8024, timeout=60) as lmtp:
    for number in range(count):
        head = f"From: bo@example.com\\r\\nTo: {recipient}\\r\\nMessage-ID: <{word}.{number}@example.com>\\r\\n"
        lmtp.sendmail("bo@example.com", [recipient], f"{head}Subject: {word} {number}\\r\\n\\r\\nPost {number}.\\r\\n")
"""

_DJANGO = """
import json, sys
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.web import setup
setup.load_django()
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client, override_settings
users = get_user_model().objects
quickly = override_settings(
    EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
with transaction.atomic(), quickly:
    exec(sys.argv[1])
    print(json.dumps(act(*json.loads(sys.argv[2]))))
    transaction.set_rollback(True)
"""


@dataclass(frozen=True)
class WebSite:
    """The web interface of a deployed host. `certificate`: the one (PEM) that its browsers believe."""

    site: Site
    certificate: str

    @classmethod
    def of(cls, site: Site) -> WebSite:
        """The web interface with the certificate that it has now."""
        return cls(site, site.web.run("cat /var/lib/listkit/certificate/live/fullchain.pem"))

    def browser(self) -> Browser:
        """A browser that has never been here."""
        return Browser(self.site.fqdn, self.site.web.address, self.certificate)

    def stranger(self) -> Browser:
        """A browser at another address than everybody else's: what it is refused, others still get."""
        host = self.site.web
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
    """Send a form, and again while the host says that too many were sent, or this one sooner than a person would."""
    return wait_for("form to be taken", RATE_SECONDS, send, _is_taken, every=2)


def _is_taken(answer: Page) -> bool:
    return answer.status != 429 and TOO_SOON not in answer.text


def log_in(browser: Browser, name: str, password: str) -> Page:
    """Log in by the form."""
    return submit(browser, browser.get("/mailman3/accounts/login/"), login=name, password=password)


def wait_for(
    what: str, seconds: float, look: Callable[[], Page], well: Callable[[Page], bool], every: float = 0.5
) -> Page:
    """Look at a page until it is well, and return it; say what was there when it never is."""
    began = time.monotonic()
    while not well(page := look()):
        lasted = time.monotonic() - began
        assert lasted < seconds, f"no {what} within {seconds} s: HTTP {page.status}\n{page.text[:2000]}"
        time.sleep(max(every, lasted / 20))
    return page


def archived(browser: Browser, address: str, subject: str) -> Page:
    """Wait for the post called `subject` in a list's archive and return its thread's page."""
    month = f"/mailman3/hyperkitty/list/{address}/latest"
    page = wait_for(
        f"post {subject}", ARCHIVED_WITHIN_SECONDS, lambda: browser.get(month), lambda page: subject in page.text
    )
    return browser.get(first(rf'href="(/mailman3/hyperkitty/list/{address}/thread/[^/"]+/)', page.text))


def burst(website: WebSite, address: str, count: int) -> str:
    """Hand posts over at once; return the word that their subjects begin with."""
    word = f"burst{secrets.token_hex(3)}"
    website.site.host.run(shlex.join(["python3", "-c", _HAND_OVER, address, word, str(count)]))
    return word


def posts_in_archive(website: WebSite, address: str) -> int:
    """How many posts of a list are in its archive."""
    count = (
        "select count(*) from hyperkitty_email as email join hyperkitty_mailinglist as list"
        " on list.id = email.mailinglist_id where list.name = :'address'"
    )
    psql = ["runuser", "-u", "www-data", "--", "psql", "-Atq", "-v", f"address={address}", "mailman3web"]
    return int(website.site.database.run(shlex.join(psql), stdin=count))


def mailed_link(deployment: Deployment, website: WebSite, address: str, path: str, fqdn: str = "") -> str:
    """Wait for a mail with a link to `path` on the host (by its main name, or by `fqdn`), and return the link."""
    link = re.compile(rf"https://{re.escape(fqdn or website.site.fqdn)}/mailman3/{path}\S+")
    mail = deployment.stand_in.wait_for_mail(address, MAILED_WITHIN_SECONDS, lambda mail: link.search(mail.text))
    assert "dmarc=pass" in mail.verdicts, mail.verdicts
    return link.search(mail.text)[0]


def in_django(website: WebSite, script: str, *words: object, seconds: float = 600) -> list:
    """Call the script's function `act` with these words in the host's Django; return what it returned.

    The database is left as it was.
    """
    # PostgreSQL's library looks into the home, and root's is closed to this user.
    argv = ["env", "HOME=/", "runuser", "-u", "www-data", "--", "python3", "-c", _DJANGO, script, json.dumps(words)]
    return json.loads(website.site.web.run(f"cd / && {shlex.join(argv)}", timeout=seconds).splitlines()[-1])


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


@contextmanager
def archiving(website: WebSite, mailing_list: MailingList, policy: str) -> Iterator[str]:
    """Give a list that takes anybody's posts an archive with this policy; its address."""
    mailing_list.configure(archive_policy=policy, default_nonmember_action="accept")
    with removing_archive(website, mailing_list.address):
        yield mailing_list.address


def import_mbox(
    deployment: Deployment, release: str, address: str, messages: Iterable[EmailMessage], directory: Path
) -> str:
    """Import messages into a list's archive as an operator does; return what Ansible said."""
    box = mailbox.mbox(directory / "import.mbox")
    box.clear()
    for message in messages:
        box.add(message)
    box.close()
    return import_archive(deployment, release, address, f"{directory}/import.mbox").stdout


def import_archive(
    deployment: Deployment, release: str, address: str, *paths: str, words: Iterable[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Import files into a list's archive as an operator does."""
    variables = {"import_list": address, "import_paths": list(paths)}
    return playbook.run(deployment, release, "playbooks/import_archive.yml", *words, **variables)
