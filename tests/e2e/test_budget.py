"""The relay and the outbound budget on a booted host, against the stand-in service.

Mail is handed in as Mailman does: on loopback, in messages of up to 100 recipients. Where Mailman would take bounces by
LMTP, a sink counts them: each would be a score against a member.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from infomaniak.service import StandIn
from lab import Lab
from lab.commands import wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
ACCOUNT = "mailman@example.org"
QUOTA, RESERVE, WINDOW_SECONDS = 300, 20, 10
PLAYBOOK = """
- hosts: mailman
  gather_subset: [min]
  roles:
    - role: base
      vars:
        base_packages: [ca-certificates, libsasl2-modules, postfix]
        base_ca_file: "{{ ca_file }}"
    - role: relay
      vars:
        relay_host: mail.infomaniak.com
        relay_hostname: lists.example.org
        relay_accounts: [{address: mailman@example.org, password: "device: $password #1", limit: "{{ limit | int }}"}]
        relay_list_domains: [example.org]
        relay_own_senders: [postorius@example.org]
        relay_root_recipient: admin@strict.test
        relay_budget_window: "{{ window | int }}"
        relay_budget_reserve: "{{ reserve | int }}"
"""
HAND_IN = """
import json, smtplib, sys
from email.message import EmailMessage
for mail in json.load(sys.stdin):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Big <big@example.org>", "big@example.org", mail["subject"]
    if mail["post"]:
        message["List-Post"], message["Precedence"] = "<mailto:big@example.org>", "list"
    message.set_content("Hello.")
    with smtplib.SMTP("127.0.0.1") as client:
        for start in range(0, len(mail["recipients"]), 100):
            client.send_message(message, mail["sender"], mail["recipients"][start : start + 100])
"""
SINK = """
import socketserver
class LMTP(socketserver.StreamRequestHandler):
    def handle(self):
        self.answer("220 sink")
        recipients = []
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipients.append(line)
            if verb == b"DATA":
                self.answer("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\\r\\n"))
                with open("/run/bounces", "ab") as out:
                    out.write(text)
                for _ in recipients:
                    self.answer("250 taken")
                recipients = []
            elif verb == b"QUIT":
                return self.answer("221 bye")
            else:
                self.answer("250 fine")
    def answer(self, text):
        self.wfile.write(text.encode() + b"\\r\\n")
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 8024), LMTP).serve_forever()
"""
SINK_UNIT = """
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/sink.py
[Install]
WantedBy=multi-user.target
"""


class Relay:
    """The host with the relay, and the service it sends through."""

    def __init__(self, lab):
        self.lab, self.host, self.service = lab, lab.host("mailman"), StandIn(lab)

    def hand_in(self, *mails):
        """Hand mail in as Mailman does: dictionaries with recipients, subject, post, sender."""
        defaults = {"sender": "big-bounces@example.org", "post": True, "subject": "a post"}
        self.host.run("python3 -c " + repr_shell(HAND_IN), stdin=json.dumps([defaults | mail for mail in mails]))

    def status(self):
        """What `mail-budget --json` says of the account."""
        return json.loads(self.host.try_run("mail-budget --json").stdout)["accounts"][0]

    def wait_until_empty(self, seconds):
        """Wait until nothing is queued or on its way, here and at the service."""
        self.service.wait(lambda: self._is_empty(self.host), "an empty queue of the relay", seconds)
        self.service.wait(lambda: self._is_empty(self.service.service), "an empty queue of the service", 60)

    @staticmethod
    def _is_empty(host):
        return "Mail queue is empty" in host.run("postqueue -p")

    def bounces(self):
        """Everything that Mailman would have scored."""
        return self.host.run("cat /run/bounces 2>/dev/null; true")

    def reset(self):
        """Begin a test with a service that is well, an empty queue and an empty ledger."""
        self.service.reset()
        self.service.forget()
        self.service.set("quota", QUOTA)
        self.service.set("quota_window", WINDOW_SECONDS)
        self.service.set("plus_sender", "refused")
        self.host.run(
            "systemctl stop listkit-budget; postsuper -d ALL; rm -f /run/bounces /var/lib/listkit/budget/*;"
            " systemctl start listkit-budget"
        )


def repr_shell(text):
    """A text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def members(number, prefix="member"):
    """Addresses at the strict receiver."""
    return [f"{prefix}{index}@strict.test" for index in range(number)]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A lab with the service and a host with the relay."""
    lab = Lab.up(f"budget-{os.getpid()}", {"mailman": os.environ.get("BUDGET_IMAGE", "kit-trixie")})
    try:
        service = StandIn.up(lab)
        mailbox = service.add_mailbox(ACCOUNT, "device: $password #1")
        service.add_list_aliases(mailbox, "big")
        directory = tmp_path_factory.mktemp("play")
        (directory / "play.yml").write_text(PLAYBOOK)
        (directory / "inventory").write_text(lab.inventory())
        values = {"ca_file": str(service.ca_file), "limit": QUOTA, "window": WINDOW_SECONDS, "reserve": RESERVE}
        argv = ["ansible-playbook", "-i", directory / "inventory", directory / "play.yml", "-e", json.dumps(values)]
        subprocess.run(argv, cwd=REPOSITORY, check=True, env=os.environ | {"ANSIBLE_ROLES_PATH": "roles"})
        lab.host("mailman").write("/usr/local/lib/sink.py", SINK)
        lab.host("mailman").write("/etc/systemd/system/sink.service", SINK_UNIT)
        lab.host("mailman").run("systemctl daemon-reload && systemctl enable --now sink")
        yield Relay(lab)
    finally:
        if not os.environ.get("BUDGET_KEEP"):
            lab.down()


@pytest.fixture
def relay(deployed):
    """The relay at the beginning of a test."""
    deployed.reset()
    return deployed


def test_five_posts_to_250_members_arrive_once_and_in_order_and_nobody_is_refused(relay):
    posts = [f"post {number}" for number in range(1, 6)]
    relay.hand_in(*({"recipients": members(250), "subject": subject} for subject in posts))
    relay.hand_in({"recipients": ["newcomer@strict.test"], "subject": "confirm", "post": False})
    relay.wait_until_empty(240)
    counts = relay.service.counts()
    assert counts == dict.fromkeys(members(250), 5) | {"newcomer@strict.test": 1}
    accepted = [event["detail"] for event in relay.service.events()]
    assert "confirm" in accepted[:6], "the confirmation overtook the posts"
    accepted.remove("confirm")
    assert accepted == sorted(accepted)
    assert relay.service.status()["refused"] == {}
    assert relay.bounces() == ""


@pytest.mark.parametrize(
    ("switch", "position", "meaning"),
    [
        ("smtpban", "on", "ban"),
        ("quota_reply", "550 5.7.1 Daily sending quota exceeded", "quota"),
        ("quota_reply", "450 4.7.1 Daily sending quota exceeded", "quota"),
        ("fault", "mail", "down"),
        ("fault", "rcpt", "later"),
        ("fault", "end", "later"),
        ("fault", "cut_refused", "unclear"),
    ],
)
def test_a_refusal_pauses_the_account_and_loses_doubles_and_scores_nothing(relay, switch, position, meaning):
    relay.service.set(switch, position)
    if switch == "quota_reply":
        relay.service.set("quota", 120)  # somebody else has sent through the account
    relay.hand_in({"recipients": members(150), "subject": "post 1"})
    relay.service.wait(lambda: relay.status()["pause"], "a pause", 30)
    assert relay.status()["pause"]["meaning"] == meaning
    relay.service.reset()
    relay.service.wait(lambda: resumed(relay), "an empty queue", 120)
    relay.wait_until_empty(60)
    relay.service.wait(lambda: len(relay.service.counts()) == 150, "a copy for each member", 60)
    assert relay.service.counts() == dict.fromkeys(members(150), 1)
    assert relay.bounces() == ""


def test_a_message_that_is_taken_without_an_answer_is_counted_each_time(relay):
    relay.service.set("fault", "cut_accepted")
    relay.service.set("fault_times", 1)
    relay.hand_in({"recipients": members(100)})
    relay.service.wait(lambda: relay.status()["pause"], "a pause", 30)
    assert relay.status()["used"] == 100
    relay.service.wait(lambda: resumed(relay), "an empty queue", 120)
    assert relay.service.status()["recipients"] == 200, "SMTP itself cannot do better: see docs/outbound.md"
    assert relay.service.status()["refused"].keys() == {"cut_accepted"}


def resumed(relay):
    """What an operator does after the cause is gone; whether everything has left."""
    relay.host.run("mail-budget resume && systemctl restart listkit-budget")
    return relay._is_empty(relay.host)


def test_a_service_that_is_down_is_not_a_reason_to_bounce(relay):
    relay.service.service.cut()
    try:
        relay.hand_in({"recipients": members(120)})
        relay.service.wait(lambda: relay.status()["pause"], "a pause", 90)
    finally:
        relay.service.service.mend()
    relay.service.wait(lambda: resumed(relay), "an empty queue", 120)
    relay.wait_until_empty(60)
    assert relay.service.counts() == dict.fromkeys(members(120), 1)
    assert relay.bounces() == ""


def test_a_valve_that_is_killed_and_a_host_that_loses_power_lose_and_double_nothing(relay):
    relay.hand_in({"recipients": members(250), "subject": "post 1"})
    for _ in range(5):
        relay.host.run("systemctl kill -s KILL listkit-budget")
    relay.hand_in({"recipients": members(250), "subject": "post 2"})
    wait_for(lambda: relay.status()["queued_recipients"], "posts that wait", 30)
    relay.host.kill()
    relay.lab.start("mailman")
    relay.wait_until_empty(120)
    assert relay.service.counts() == dict.fromkeys(members(250), 2)
    assert relay.service.status()["refused"] == {}
    assert relay.bounces() == ""


def test_an_unknown_recipient_is_a_bounce_that_reaches_mailman(relay):
    relay.service.set("fault_reply", "550 5.1.1 User unknown")
    relay.service.set("fault", "rcpt")
    relay.service.set("fault_times", 1)
    relay.hand_in({"recipients": members(3)})
    relay.wait_until_empty(60)
    bounces = relay.bounces()
    assert bounces.count("Final-Recipient: rfc822; member0@strict.test") == 1
    assert "member1@strict.test" not in bounces
    assert relay.service.status()["recipients"] == 2


def test_every_sender_belongs_to_the_account(relay):
    relay.hand_in(
        {"recipients": ["owner@strict.test"], "sender": "big-bounces+owner=strict.test@example.org", "post": False},
        {"recipients": ["reset@strict.test"], "sender": "postorius@example.org", "post": False},
        {"recipients": ["stranger@strict.test"], "sender": "somebody@private.test", "post": False},
    )
    relay.host.run("echo 'cron says hello' | sendmail root")
    senders = {
        address: relay.service.wait_for_mail(address, 60)["Return-Path"]
        for address in ("owner@strict.test", "reset@strict.test", "stranger@strict.test", "admin@strict.test")
    }
    assert senders == {
        "owner@strict.test": "<big-bounces@example.org>",
        "reset@strict.test": "<postorius@example.org>",
        "stranger@strict.test": f"<{ACCOUNT}>",
        "admin@strict.test": f"<{ACCOUNT}>",
    }
    assert ACCOUNT in relay.service.wait_for_mail("admin@strict.test")["From"]


def test_nobody_but_root_reads_the_password(relay):
    # Finding none is the aim, which grep calls a failure.
    leaks = relay.host.run("grep -rlsF 'device: $password #1' /etc /var/lib /run /usr/local || true").split()
    assert leaks == ["/etc/postfix/sasl_passwd"]
    assert relay.host.run("stat -c '%U %a' /etc/postfix/sasl_passwd").split() == ["root", "600"]


def test_only_loopback_may_hand_in_mail(relay):
    listeners = relay.host.run("ss -Htln sport = :25").splitlines()
    assert sorted(line.split()[3] for line in listeners) == ["127.0.0.1:25", "[::1]:25"]


def test_the_valve_is_confined(relay):
    verdict = relay.host.run("systemd-analyze security listkit-budget | tail -1")
    assert float(verdict.split("service:")[1].split()[0]) < 2
