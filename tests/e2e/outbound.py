"""The outbound budget of a deployed host under test, with a small limit and a short window."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from e2e.mailing import MailingList
from infomaniak.service import POSTFIX_IDLE

CONFIGURATION = "/etc/listkit/budget.json"
DELIVERY_SECONDS = 240
ANSWERS = {"per_recipient": 2, "per_list_and_hour": 10}
_AGE = """
import sqlite3, sys
with sqlite3.connect("/var/lib/listkit/budget/ledger.sqlite3", timeout=30) as ledger:
    seconds = {"seconds": float(sys.argv[1])}
    ledger.execute("update pause set since = since - :seconds, until = until - :seconds", seconds)
    ledger.execute("update refusal set since = since - :seconds, not_before = not_before - :seconds", seconds)
    ledger.execute("update dropped set since = since - :seconds", seconds)
"""
_HAND_IN = """
import json, smtplib, sys
from email.message import EmailMessage
for sender, recipient in json.loads(sys.argv[2]):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sys.argv[1], recipient, "A notice"
    message.set_content("Hello.")
    with smtplib.SMTP("127.0.0.1") as client:
        client.send_message(message, sender, [recipient])
"""
# With the kit's own eyes: what the controller knows of a message is in its headers.
_HELD = """
import json, sys
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from listkit.budget.postfix import Place, Queue
from listkit.budget.controller import classify
queue = Queue()
held = [queue_id for queue_id, place in queue.places().items() if place is Place.HOLD]
rows = [
    # In one line, wherever it was folded.
    (" ".join(envelope.headers["Subject"].split()), envelope.sender, classify(envelope)[0].name)
    for envelope in queue.envelopes(held)
]
print(json.dumps(rows))
"""
_SUBJECTS = """
import email, json, pathlib, sys
wanted = set(json.load(sys.stdin))
found = {}
for box in pathlib.Path("/var/mail").glob("*/*"):
    reader = f"{box.name}@{box.parent.name}"
    if reader in wanted:
        for file in (box / "new").iterdir():
            with file.open(errors="replace") as message:
                found.setdefault(reader, []).append(email.message_from_file(message)["Subject"])
print(json.dumps(found))
"""
_FORGIVE = """
update member set bounce_score = 0 where list_id = :'list';
delete from bounceevent where list_id = :'list';
"""
_SCORES = """
select (select count(*) from bounceevent where list_id = :'list'),
  count(*) filter (where bounce_score > 0), count(*) filter (where delivery_status is not null)
from member join preferences on preferences.id = member.preferences_id where list_id = :'list';
"""


@dataclass(frozen=True)
class Scores:
    """What Mailman holds against the members of a list."""

    bounces: int
    scored: int
    disabled: int


@dataclass(frozen=True)
class HeldMessage:
    """A message on hold, as the controller sees it."""

    subject: str
    sender: str
    kind: str


@dataclass(frozen=True)
class Outbound:
    """The way out of one host, and a list whose posts take it."""

    list: MailingList
    readers: tuple[str, ...]

    @property
    def host(self):
        """The deployed host."""
        return self.list.site.host

    @property
    def service(self):
        """The stand-in mail service."""
        return self.list.deployment.stand_in

    # -- the budget

    def begin(self, limit: int, reserve: int, window: float) -> None:
        """Begin a test: these limits here and at the service, nothing queued, nothing counted, nothing scored.

        Automatic answers have the limits that the kit gives them unless the operator decides.
        """
        self.service.reset()
        self.service.forget()
        self.service.set("quota", limit)
        self.service.set("quota_window", window)
        self.service.set("plus_sender", "refused")
        self.host.run(f"test -e {CONFIGURATION}.deployed || cp -a {CONFIGURATION} {CONFIGURATION}.deployed")
        budget = json.loads(self.host.run(f"cat {CONFIGURATION}.deployed"))
        for account in budget["accounts"]:
            account |= {"limit": limit, "reserve": reserve, "strangers": limit * 4 // 100}
        # Written into the file that is there, which keeps its owner and mode.
        self.host.run(f"cat > {CONFIGURATION}", stdin=json.dumps(budget | {"window": window, "answers": ANSWERS}))
        self._restart_empty()
        self._sql(_FORGIVE)

    def end(self) -> None:
        """Leave the host and the service as they were deployed."""
        self.host.run(f"mv {CONFIGURATION}.deployed {CONFIGURATION}")
        self.service.reset()
        self._restart_empty()

    def _restart_empty(self) -> None:
        self.stop_controller()
        self.host.run("postsuper -d ALL; rm -f /var/lib/listkit/budget/*")
        self.start_controller()

    def stop_controller(self) -> None:
        """Let nothing leave."""
        self.host.run("systemctl stop listkit-budget")

    def start_controller(self) -> None:
        """Let mail leave as the budget allows."""
        self.host.run("systemctl start listkit-budget")

    def age(self, seconds: float) -> None:
        """Give the controller a clock that goes ahead by so much: pauses, rests and drops began so much earlier."""
        self.stop_controller()
        self.host.run(f"python3 - {seconds}", stdin=_AGE)
        self.start_controller()

    def status(self, address: str | None = None) -> dict:
        """What `listkit budget --json` says of an account, the first one if none is named."""
        # It exits with 1 while an account pauses.
        accounts = json.loads(self.host.try_run("listkit budget --json").stdout)["accounts"]
        return next(account for account in accounts if address in (None, account["address"]))

    def wait_for_pause(self, refusals: int = 1) -> dict:
        """Wait until the account pauses after so many refusals; return what is said of the pause."""

        def pausing() -> dict | None:
            pause = self.status()["pause"]
            return pause if pause and pause["refusals"] >= refusals else None

        return self.service.wait(pausing, f"a pause after {refusals} refusals", 120)

    # -- mail

    def post(self, subject: str) -> None:
        """Post to the list, and wait until Mailman has handed all copies to Postfix."""
        message = self.list.post(self.readers[0], subject)
        handed_over = f"grep -qF '{message['Message-ID']} smtp to' /var/log/mailman3/mailman.log"
        self.host.wait_until(handed_over, f"{subject} in Postfix's queue", 120)

    def hand_in(self, *mails: tuple[str, str]) -> None:
        """Hand mail from the list to Postfix as Mailman does: pairs of envelope sender and recipient."""
        self.host.run(shlex.join(["python3", "-", self.list.address, json.dumps(mails)]), stdin=_HAND_IN)

    def wait_until_empty(self) -> None:
        """Wait until nothing is queued or on its way, here or at the service."""
        for host in (self.host, self.service.service, self.service.strict):
            host.wait_until(POSTFIX_IDLE, f"an empty queue on {host.name}", DELIVERY_SECONDS)

    # -- what came of it

    def accepted(self) -> list[str]:
        """The subjects of what the service took, in order."""
        return self.service.accepted(self.list.site.mailbox)

    def refusals(self) -> list[str]:
        """What the service said when it refused something."""
        return self.service.refusals(self.list.site.mailbox)

    def held(self) -> list[HeldMessage]:
        """What Postfix has on hold."""
        return [HeldMessage(*row) for row in json.loads(self.host.run("python3 -", stdin=_HELD))]

    def copies(self) -> dict[str, tuple[str, ...]]:
        """The subjects of what each reader has, in the order of the alphabet, and without the list's name."""
        script = shlex.join(["python3", "-c", _SUBJECTS])
        found = json.loads(self.service.strict.run(script, stdin=json.dumps(self.readers)))
        return {
            reader: tuple(sorted(subject.rpartition("] ")[2] for subject in found.get(reader, [])))
            for reader in self.readers
        }

    def all_have(self, *subjects: str) -> dict[str, tuple[str, ...]]:
        """What `copies` says when each reader has each of these once."""
        return dict.fromkeys(self.readers, tuple(sorted(subjects)))

    def scores(self) -> Scores:
        """What Mailman holds against the members, after it has looked at all bounces."""
        self.list.settle()
        row = self._sql(_SCORES)
        return Scores(*map(int, row.split("|")))

    def _sql(self, query: str) -> str:
        database = self.list.site.database
        # After a power cut it reads its log first.
        database.wait_until("pg_isready -q", "PostgreSQL to accept connections", 180)
        psql = f"cd / && runuser -u postgres -- psql -qAt -v list={self.list.list_id} mailman3"
        return database.run(psql, stdin=query)
