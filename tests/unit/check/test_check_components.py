"""The components' checks: each failure has its cause and its remedy."""

import http.server
import json
import os
import re
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime

import pytest
from check_stand_ins import all_of, closed_port, hanging_server, server, the

from listkit.budget.ledger import Ledger
from listkit.certificate import lifecycle
from listkit.certificate.files import Certificate, make_self_signed
from listkit.check import probes, settings
from listkit.check.components import bridge, certificate, core, database, lists, mailbox, patches, relay, tunnel, web
from listkit.check.finding import Finding, Status
from listkit.check.probes import date
from listkit.common import configuration
from listkit.common.rest import LoginRefused, RestClient, RestError, Unreachable

HOUR = 3600

# As much of the bridge's configuration as is required.
BRIDGE = {
    "mailboxes": ["Mailman@x.test"],
    "imap": {"host": "mail.x.test"},
    "domains": {"x.test": ["synonym.test"]},
    "list_suffixes": ["owner"],
    "site_owner": {"address": "admin@y.test", "local_parts": ["postorius"]},
}


class TestServers:
    CHECKS = (core.check_lmtp, relay.check_postfix)

    @pytest.mark.parametrize("check", CHECKS)
    @pytest.mark.parametrize(
        ("says", "status"),
        [(b"220 lists ready\r\n", Status.OK), (b"421 too busy\r\n", Status.CRITICAL), (b"", Status.CRITICAL)],
    )
    def test_a_greeting_is_read(self, check, says, status):
        with server(says) as address:
            [finding] = check(address)
        assert finding.status is status
        assert says.decode().strip() in finding.seen

    @pytest.mark.parametrize("check", CHECKS)
    def test_one_that_is_down_is_restarted(self, programs, check):
        programs.journal("bind: no")
        finding = the(check(("127.0.0.1", closed_port())))
        assert finding.status is Status.CRITICAL
        assert "refused; its last log line: bind: no" in finding.seen
        assert "`systemctl restart " in finding.remedy


class TestHanging:
    """Daemons that accept connections and say nothing, as a process that hangs does."""

    @pytest.fixture(autouse=True)
    def patience(self, monkeypatch):
        """Timeouts that a test can wait for."""
        for module in (probes, tunnel, core):
            monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
        monkeypatch.setattr(web, "FIRST_PAGE_SECONDS", 0.2)

    def test_mailman_takes_no_mail(self, programs):
        with hanging_server() as address:
            finding = the(core.check_lmtp(address))
        assert (finding.status, finding.remedy) == (Status.CRITICAL, "`systemctl restart mailman3.service`")
        assert "timed out" in finding.seen

    def test_postfix_does_not_greet(self, programs):
        with hanging_server() as address:
            finding = the(relay.check_postfix(address))
        assert finding.status is Status.CRITICAL
        assert "timed out" in finding.seen and "`systemctl restart postfix`" in finding.remedy

    def test_the_rest_api_does_not_answer(self, programs):
        programs.journal("waiting for a lock")
        with hanging_server() as (host, port):
            finding = the(core.check_rest(RestClient("secret", f"http://{host}:{port}/3.1", timeout_seconds=0.2)))
        assert finding.status is Status.CRITICAL
        assert "timed out" in finding.seen and "waiting for a lock" in finding.seen
        assert "`listkit check --only database`" in finding.remedy

    def test_the_archive_does_not_answer(self, tmp_path):
        with hanging_server() as (host, port):
            (tmp_path / "cfg").write_text(f"[general]\nbase_url: http://{host}:{port}/hyperkitty/\napi_key: k3y\n")
            finding = the(core.check_archive(tmp_path / "cfg"))
        assert finding.status is Status.CRITICAL
        assert "does not answer: timed out; posts wait" in finding.seen
        assert "`systemctl restart mailman3-web`" in finding.remedy

    def test_the_web_interface_does_not_answer(self, monkeypatch):
        connect = web.socket.create_connection
        with hanging_server() as here:
            monkeypatch.setattr(web.socket, "create_connection", lambda _, timeout: connect(here, timeout))
            finding = the(web.check_page("lists.x.test"))
        assert (finding.status, finding.remedy) == (Status.CRITICAL, "`systemctl restart mailman3-web`")
        assert "timed out" in finding.seen

    def test_the_web_server_sends_no_certificate(self, monkeypatch):
        connect = certificate.socket.create_connection
        monkeypatch.setattr(certificate, "TIMEOUT_SECONDS", 0.2)
        with hanging_server() as here:
            monkeypatch.setattr(certificate.socket, "create_connection", lambda _, timeout: connect(here, timeout))
            finding = the(certificate.check_certificate("lists.x.test", 14, "letsencrypt"))
        assert finding.status is Status.CRITICAL
        assert "timed out" in finding.seen and "`systemctl restart nginx`" in finding.remedy

    def test_the_daemon_behind_a_link_does_not_answer(self):
        with hanging_server() as (_, near), hanging_server() as (_, far):
            finding = the(tunnel.check_link(tunnel.Link("core-25", near, "smtp", "127.0.0.1", far)))
        assert finding.status is Status.CRITICAL
        assert "timed out" in finding.seen and "`listkit check` names the daemon" in finding.remedy

    def test_the_database_does_not_answer(self, programs, monkeypatch):
        monkeypatch.setattr(database, "TIMEOUT_SECONDS", 0.2)
        programs.add("pg_isready", "exec sleep 5")
        finding = the(database.check_database())
        assert finding.status is Status.CRITICAL
        assert "does not answer" in finding.seen and "`systemctl restart postgresql`" in finding.remedy

    def test_the_archives_status_takes_too_long(self, monkeypatch):
        def too_long(command, **_):
            raise subprocess.TimeoutExpired(command, web.STATUS_SECONDS)

        monkeypatch.setattr(web.subprocess, "run", too_long)
        finding = the(web.check_archive())
        assert (finding.name, finding.status) == ("search index", Status.UNKNOWN)
        assert "20 s" in finding.seen and "`sudo listkit archive status`" in finding.remedy


class TestLinks:
    def link(self, near: int, far: int) -> tunnel.Link:
        return tunnel.Link("core-25", near, "smtp", "127.0.0.1", far)

    def test_one_whose_daemon_answers(self):
        with server(b"220 ready\r\n") as (_, port):
            assert the(tunnel.check_link(self.link(port, closed_port()))).status is Status.OK

    @pytest.mark.parametrize("says", [b"", b"421 busy\r\n"])
    def test_one_with_nothing_behind_it_says_whether_the_other_end_can_be_reached(self, says):
        with server(says) as (_, near), server(b"") as (_, far):
            reachable = the(tunnel.check_link(self.link(near, far)))
            unreachable = the(tunnel.check_link(self.link(near, closed_port())))
        assert reachable.status is unreachable.status is Status.CRITICAL
        assert "can be reached, but" in reachable.seen
        assert "cannot be reached: " in unreachable.seen
        assert "`systemctl restart listkit-tunnel`" in unreachable.remedy

    def test_a_tunnel_that_does_not_run_is_restarted_here(self):
        finding = the(tunnel.check_link(self.link(closed_port(), closed_port())))
        assert "the tunnel does not run" in finding.seen
        assert finding.remedy == "`systemctl restart listkit-tunnel`"

    def test_the_settings_are_those_of_the_role(self):
        link = {"name": "core-25", "port": 25, "protocol": "smtp", "address": "10.0.0.1", "tunnel_port": 20025}
        raw = {"units": ["listkit-tunnel.service"], "ports": [20025], "links": [{**link, "key": "core-web"}]}
        checks = configuration.read(raw, lambda table: tunnel.checks(settings.read(table, settings.Host())), "FILE")
        assert [check.name for check in checks] == ["link core-25"]


class TestDatabase:
    @pytest.mark.parametrize(("exit_status", "status"), [(0, Status.OK), (2, Status.CRITICAL)])
    def test_it_is_asked_itself(self, programs, exit_status, status):
        programs.add("pg_isready", f"echo /run/postgresql:5432 - says; exit {exit_status}")
        programs.journal("FATAL: no room")
        finding = the(database.check_database())
        assert finding.status is status
        assert finding.seen.startswith("/run/postgresql:5432 - says")
        assert status is Status.OK or ("no room" in finding.seen and "restart postgresql" in finding.remedy)


class TestOutgoingMail:
    @pytest.fixture
    def status(self, tmp_path):
        return tmp_path / "status.json"

    def numbers(self, age=0.0, pause=None):
        return json.dumps({"time": time.time() - age, "accounts": [{"address": "a@x.test", "pause": pause}]})

    def test_nothing_is_paused(self, status):
        status.write_text(self.numbers())
        assert the(relay.check_outgoing(status)).status is Status.OK

    @pytest.mark.parametrize("reason", ["quota", "login"])
    def test_a_refused_account_is_shown_with_the_provider_s_words(self, status, reason):
        status.write_text(self.numbers(pause={"reason": reason, "reply": "535 no", "advice": "check the password"}))
        finding = the(relay.check_outgoing(status))
        assert finding.status is Status.CRITICAL
        assert "535 no" in finding.seen
        assert finding.remedy == "check the password; then `listkit budget resume a@x.test`"

    def test_a_budget_without_progress_is_restarted(self, status):
        status.write_text(self.numbers(age=200))
        finding = the(relay.check_outgoing(status))
        assert finding.seen == "no progress for 200 s; outgoing mail is stuck"
        assert finding.remedy == "`systemctl restart listkit-budget.service`"

    def test_a_budget_that_does_not_run_is_no_healthy_one(self, status):
        finding = the(relay.check_outgoing(status))
        assert finding.status is Status.CRITICAL
        assert "does not run" in finding.seen


class TestQueuedMail:
    def findings(self, tmp_path, refusals=(), unreadable=(), **account):
        defaults = {"address": "a@x.test", "queued_messages": 0, "queued_recipients": 0, "next_release": None}
        numbers = {"accounts": [{**defaults, **account}]}
        numbers |= {"refused_messages": list(refusals), "unreadable_messages": list(unreadable)}
        (tmp_path / "status.json").write_text(json.dumps(numbers))
        return all_of(relay.check_queued(tmp_path / "status.json"))

    def refusal(self, age, reason="spam"):
        return {"since": time.time() - age, "reason": reason, "reply": "554 no", "advice": "rewrite it"}

    def test_mail_that_waits_for_the_budget_is_counted(self, tmp_path):
        assert the(self.findings(tmp_path)).seen == "none waits for the budget"
        finding = the(self.findings(tmp_path, queued_messages=2, queued_recipients=150, next_release=86400))
        assert finding.status is Status.OK
        assert finding.seen.endswith(f"a@x.test: 2 messages for 150 recipients, the next leaves {date(86400)}")

    def test_what_the_provider_refuses_for_long_is_shown_by_reason(self, tmp_path):
        recent = self.refusal(60)
        assert the(self.findings(tmp_path, [recent])).status is Status.OK
        oldest = self.refusal(3 * HOUR)
        old = [self.refusal(2 * HOUR), oldest, self.refusal(2 * HOUR, "size"), recent]
        spam, size = self.findings(tmp_path, old)
        assert spam.status is size.status is Status.WARNING
        assert spam.seen == f"2 refused (spam), the oldest since {date(oldest['since'])}: 554 no"
        assert spam.remedy.startswith("rewrite it; ")

    def test_a_message_that_postfix_cannot_read(self, tmp_path):
        assert "`postsuper -d 4jd`" in the(self.findings(tmp_path, unreadable=["4jd"])).remedy

    def test_without_a_budget_the_finding_about_outgoing_mail_is_enough(self, tmp_path):
        assert list(relay.check_queued(tmp_path / "missing")) == []


class TestDns:
    @pytest.fixture
    def configuration(self, tmp_path):
        (tmp_path / "bridge.json").write_text(json.dumps(BRIDGE))
        return tmp_path / "bridge.json"

    def test_a_name_with_an_address(self, programs, configuration):
        programs.add("getent", 'echo "192.0.2.1 STREAM $2"')
        assert the(bridge.check_dns(configuration)).seen == "mail.x.test has the address 192.0.2.1"

    def test_a_name_without_one_does_not_hold_the_other_checks_up(self, programs, configuration):
        programs.add("getent", f'echo "$RES_OPTIONS" > {configuration.parent}/options; exit 2')
        finding = the(bridge.check_dns(configuration))
        assert finding.status is Status.CRITICAL
        assert "mail.x.test" in finding.seen and "/etc/resolv.conf" in finding.remedy
        assert (configuration.parent / "options").read_text() == "timeout:1 attempts:2\n"


class TestIncomingMail:
    @pytest.fixture
    def bridge_says(self, tmp_path):
        """Write the bridge's metrics; return the paths of its metrics and its configuration."""
        (tmp_path / "bridge.json").write_text(json.dumps(BRIDGE | {"mailboxes": ["A@x.test", "b@x.test"]}))

        def write(*samples, age=0.0):
            (tmp_path / "metrics.prom").write_text("".join(f"listkit_bridge_{sample}\n" for sample in samples))
            os.utime(tmp_path / "metrics.prom", (time.time() - age,) * 2)
            return tmp_path / "metrics.prom", tmp_path / "bridge.json"

        return write

    def test_every_mailbox_is_logged_in(self, bridge_says):
        paths = bridge_says('up{mailbox="a@x.test"} 1', 'up{mailbox="b@x.test"} 1')
        finding = the(bridge.check_incoming(*paths))
        assert (finding.status, finding.seen) == (Status.OK, "logged in to a@x.test, b@x.test")

    @pytest.mark.parametrize("sample", [['up{mailbox="a@x.test"} 0'], []])
    def test_one_that_is_not_is_named(self, bridge_says, sample):
        finding = the(bridge.check_incoming(*bridge_says('up{mailbox="b@x.test"} 1', *sample)))
        assert finding.status is Status.CRITICAL
        assert "a@x.test" in finding.seen

    @pytest.mark.parametrize(
        ("metric", "seen", "remedy"),
        [("login_refused", "the password", "mail_password"), ("certificate_refused", "the certificate", "mail_host")],
    )
    def test_a_refused_password_is_told_from_a_refused_certificate(self, bridge_says, metric, seen, remedy):
        paths = bridge_says('up{mailbox="b@x.test"} 1', f'{metric}{{mailbox="a@x.test"}} 1')
        finding = the(bridge.check_incoming(*paths))
        assert seen in finding.seen
        assert remedy in finding.remedy

    def test_a_bridge_that_does_not_run_keeps_its_line(self, tmp_path, programs):
        programs.journal("out of memory")
        finding = the(bridge.check_incoming(tmp_path / "none", tmp_path / "none"))
        assert (finding.name, finding.status) == ("incoming mail", Status.CRITICAL)
        assert "does not run" in finding.seen and "out of memory" in finding.seen

    def test_a_bridge_without_progress_is_restarted(self, bridge_says):
        finding = the(bridge.check_incoming(*bridge_says('up{mailbox="a@x.test"} 1', age=300)))
        assert "no progress for 300 s" in finding.seen
        assert finding.remedy == "`systemctl restart listkit-bridge.service`"

    def test_messages_that_were_set_aside_are_counted_with_the_arrival_of_the_oldest(self, bridge_says):
        def folder(name, count, oldest, mailbox="a@x.test"):
            labels = f'{{folder="{name}",mailbox="{mailbox}"}}'
            return f"folder_messages{labels} {count}", f"folder_oldest_timestamp_seconds{labels} {oldest}"

        spam = 'folder_messages{folder="Spam",mailbox="a@x.test"} 9'
        empty = folder("Failed", 0, 0)
        metrics, _ = bridge_says(*folder("Rejected", 2, 86400), *folder("Rejected", 1, 0, "b@x.test"), *empty, spam)
        finding = the(bridge.check_set_aside(metrics))
        assert finding.status is Status.OK
        assert finding.seen.startswith(f"3 in Rejected, the oldest from {date(86400)}: the authors or owners")
        metrics, _ = bridge_says(*folder("Failed", 1, 86400), *folder("Unrouted", 2, 90000))
        finding = the(bridge.check_set_aside(metrics))
        assert finding.status is Status.WARNING
        assert f"1 in Failed, the oldest from {date(86400)}; 2 in Unrouted" in finding.seen
        assert "Replay" in finding.remedy
        assert the(bridge.check_set_aside(bridge_says(*empty, spam)[0])) == Finding.ok("set aside messages", "none")


class TestQueues:
    def put(self, path, age=0.0):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (time.time() - age,) * 2)

    def test_a_message_that_has_just_come_is_in_order(self, tmp_path):
        self.put(tmp_path / "in/1.pck", 60)
        assert the(core.check_queues(tmp_path)).status is Status.OK

    @pytest.mark.parametrize("file", ["in/1.pck", "command/1.bak"])
    def test_one_that_waits_names_the_runner_that_hangs(self, tmp_path, file):
        self.put(tmp_path / file, HOUR)
        self.put(tmp_path / file.replace("1", "2"))
        finding = the(core.check_queues(tmp_path))
        assert finding.status is Status.CRITICAL
        assert finding.seen.startswith(f"2 in the queue {file.partition('/')[0]}, the oldest since ")
        assert finding.remedy == "`systemctl restart mailman3.service`"

    def test_what_is_kept_or_tried_again_is_in_order(self, tmp_path):
        for queue in ("shunt", "bad", "retry"):
            self.put(tmp_path / queue / "1.pck", HOUR)
        assert the(core.check_queues(tmp_path)).status is Status.OK


class TestHeldPosts:
    def client(self, *held):
        lists = [
            {"list_id": f"{n}.x.test", "fqdn_listname": f"{n}@x.test", "member_count": n} for n in range(len(held))
        ]
        answers = {"lists": {"entries": lists}}
        for number, (count, days) in enumerate(held):
            hold_date = time.strftime("%Y-%m-%dT10:00:00", time.gmtime(time.time() - days * 24 * HOUR))
            posts = {"total_size": count, "entries": [{"hold_date": hold_date}] * bool(count)}
            answers[f"lists/{number}.x.test/held?count=1&page=1"] = posts
        return Client(answers)

    def test_recent_ones_are_counted(self):
        finding = the(core.check_held(self.client((0, 0), (2, 1), (1, 7))))
        assert finding.status is Status.OK
        assert re.fullmatch(
            r"2 of 1@x.test since 20\S+, 1 of 2@x.test since 20\S+; none for longer than 7 days", finding.seen
        )
        assert finding.figures["listkit_held_posts"] == {"0@x.test": 0, "1@x.test": 2, "2@x.test": 1}
        assert finding.figures["mailman3_list_members"] == {"0@x.test": 0, "1@x.test": 1, "2@x.test": 2}

    def test_none_is_held(self):
        assert the(core.check_held(self.client((0, 0)))).seen == "none; none for longer than 7 days"

    def test_a_list_whose_moderators_do_not_look_is_named(self):
        finding = the(core.check_held(self.client((2, 1), (3, 9))))
        assert finding.status is Status.WARNING
        assert finding.seen.startswith("waiting for a moderator: 3 of 1@x.test since 20")

    def test_without_mailman_it_cannot_be_told(self):
        assert the(core.check_held(Client(error=RestError("down")))).status is Status.UNKNOWN


class TestSetAside:
    def test_the_last_error_of_a_runner_is_the_cause(self, tmp_path):
        (tmp_path / "shunt").mkdir()
        (tmp_path / "shunt/1.pck").write_text("x")
        log = tmp_path / "mailman.log"
        assert "the last error" not in the(core.check_set_aside(tmp_path, log)).seen
        log.write_text("".join(f"(1) Uncaught runner exception: {why}\n" for why in ("old", "disk full")))
        assert the(core.check_set_aside(tmp_path, log)).seen.endswith("; the last error: disk full")

    def test_none(self, tmp_path):
        assert the(core.check_set_aside(tmp_path)).status is Status.OK

    @pytest.mark.parametrize(
        ("file", "command"), [("shunt/1.pck", "`mailman unshunt`"), ("bad/1.psv", "mailman qfile")]
    )
    def test_they_are_counted_with_the_time_of_the_oldest(self, tmp_path, file, command):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text("x")
        os.utime(tmp_path / file, (1_700_000_000,) * 2)
        (tmp_path / file).with_name("2.pck").write_text("x")
        finding = the(core.check_set_aside(tmp_path))
        assert finding.status is Status.WARNING
        assert finding.seen.startswith("2 in") and "since 2023-11-14" in finding.seen
        assert command in finding.remedy

    def test_a_directory_that_only_root_can_list_is_not_taken_for_an_empty_one(self, tmp_path, monkeypatch):
        (tmp_path / "bad").mkdir()

        def closed(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(core.Path, "iterdir", closed)
        with pytest.raises(PermissionError):
            list(core.check_set_aside(tmp_path))


class Client:
    """Mailman's REST API, which answers from a table or raises."""

    def __init__(self, answers=(), error=None):
        self.answers, self.error = dict(answers), error

    def get(self, path):
        if self.error:
            raise self.error
        return self.answers[path]

    def entries(self, path):
        return self.get(path)["entries"]


class TestRest:
    def test_it_answers(self):
        sizes = {"domains": 1, "lists": 12, "users": 90}
        finding = the(
            core.check_rest(Client({f"{what}?count=1&page=1": {"total_size": n} for what, n in sizes.items()}))
        )
        assert finding.seen == "12 lists"
        assert finding.figures == {"mailman3_up": 1, "mailman3_domains": 1, "mailman3_lists": 12, "mailman3_users": 90}

    @pytest.mark.parametrize(
        ("error", "remedy"),
        [
            (LoginRefused("GET http://x: 401"), "ansible-playbook"),
            (Unreachable("GET http://x: refused"), "`listkit check --only database`"),
            (RestError("GET http://x: 500"), "`systemctl restart mailman3.service`"),
        ],
    )
    def test_each_failure_has_its_remedy(self, error, remedy):
        finding = the(core.check_rest(Client(error=error)))
        assert finding.status is Status.CRITICAL
        # How many lists there are isn't known.
        assert finding.figures == {"mailman3_up": 0}
        assert remedy in finding.remedy


class TestArchive:
    KEY = "k3y"

    @pytest.fixture
    def archive(self, tmp_path):
        """An archive that knows the key, and its place in the archiver's configuration."""
        answers = {"status": 200}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.headers["Authorization"] == f"Token {TestArchive.KEY}"
                assert self.path.startswith("/hyperkitty/api/mailman/urls?mlist=")
                assert TestArchive.KEY not in self.path
                self.send_response(answers["status"] if known else 401)
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
            threading.Thread(target=listening.serve_forever, daemon=True).start()
            configuration = tmp_path / "hyperkitty.cfg"

            def configure(key=self.KEY, port=listening.server_port, status=200):
                answers["status"] = status
                configuration.write_text(
                    f"# managed\n\n[general]\nbase_url: http://127.0.0.1:{port}/hyperkitty/\napi_key: {key}\n"
                )
                return configuration

            yield configure
            listening.shutdown()

    def test_it_accepts_the_key(self, archive):
        assert the(core.check_archive(archive())).status is Status.OK

    @pytest.mark.parametrize(
        ("settings", "seen", "remedy"),
        [
            ({"key": "wrong"}, "refuses the archiver's key (401)", "ansible-playbook"),
            ({"status": 403}, "refuses the archiver's key (403)", "ansible-playbook"),
            ({"status": 500}, "fails (500)", "`systemctl restart mailman3-web`"),
            ({"port": 9}, "does not answer: ", "`systemctl restart mailman3-web`"),
        ],
    )
    def test_each_failure_has_its_remedy_and_hides_the_key(self, archive, settings, seen, remedy):
        finding = the(core.check_archive(archive(**settings)))
        assert finding.status is Status.CRITICAL
        assert seen in finding.seen
        assert remedy in finding.remedy
        assert "wrong" not in str(finding) and self.KEY not in str(finding)

    def test_posts_that_wait_are_counted(self, tmp_path):
        assert the(core.check_archive_spool(tmp_path / "none")).status is Status.OK
        (spool := tmp_path / "spool").mkdir()
        (spool / "1.pck").write_text("x")
        os.utime(spool / "1.pck", (1_700_000_000,) * 2)
        finding = the(core.check_archive_spool(spool))
        assert finding.status is Status.WARNING
        assert "1 in" in finding.seen and "since 2023-11-14" in finding.seen


class TestForecast:
    SITE = {  # noqa: RUF012 -- never changed
        "window": 86400, "queue_lifetime": 432000, "list_domains": ["x.test"], "sub_addresses": ["bounces"],
        "answers": {"per_recipient": 2, "per_list_and_hour": 10},
        "accounts": [
            {"address": f"{name}@x.test", "limit": 300, "reserve": 50, "strangers": 20,
             "lists": [{"address": f"list-{name}@x.test", "recipients_per_day": need}]}
            for name, need in (("a", 250), ("b", 251))
        ],
    }  # fmt: skip

    def test_an_account_whose_lists_need_more_than_it_may_send_is_a_warning(self, tmp_path):
        (tmp_path / "budget.json").write_text(json.dumps(self.SITE))
        Ledger(tmp_path / "ledger").close()
        fits, exceeds = all_of(relay.check_forecast(tmp_path / "ledger", tmp_path / "budget.json"))
        assert (fits.status, exceeds.status) == (Status.OK, Status.WARNING)
        assert fits.seen == "a@x.test: the lists need 250 recipients a day, and may have 250"
        assert exceeds.seen.startswith("b@x.test: the lists need 251 recipients a day, and may have 250: mail waits")
        assert "`listkit budget forecast`" in exceeds.remedy

    def test_before_the_budget_has_started_nothing_is_known(self, tmp_path):
        assert all_of(relay.check_forecast(tmp_path / "ledger", tmp_path / "budget.json")) == []


class TestAliases:
    NOW = time.time()

    def client(self, hours, posts=0):
        """Two lists of the last run, and one that was made since, some hours ago."""
        made = datetime.fromtimestamp(self.NOW - hours * HOUR, UTC).replace(tzinfo=None)
        return Client({
            "lists": {"entries": [{"fqdn_listname": f"{name}@x.test"} for name in "abc"]},
            "lists/c@x.test/config": {"created_at": made.isoformat(), "post_id": 1 + posts},
        })  # fmt: skip

    def check(self, client):
        return the(mailbox.check_aliases(mailbox.Plan(("a@x.test", "b@x.test", "gone@x.test"), False), client))

    def test_a_list_that_no_run_has_seen_is_named(self):
        warning = self.check(self.client(hours=25))
        assert warning.status is Status.WARNING and "those of c@x.test, and no post" in warning.seen
        assert "--tags lists" in warning.remedy and "`listkit check --round-trip c@x.test`" in warning.remedy

    def test_one_that_was_just_made_or_that_mail_arrives_for_has_time(self):
        assert self.check(self.client(hours=23)).status is Status.OK
        found = self.check(self.client(hours=25, posts=1))
        assert (found.status, found.seen) == (
            Status.OK,
            "planned for 2 of 3 lists; the others are new, or have received posts",
        )

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
    def test_the_time_of_mailman_is_utc(self, monkeypatch, zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            assert self.check(self.client(hours=25)).status is Status.WARNING
            assert self.check(self.client(hours=23)).status is Status.OK
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_without_mailman_nothing_is_known(self):
        assert self.check(Client(error=RestError("GET http://x: 500"))).status is Status.UNKNOWN

    @pytest.mark.parametrize(("catch_all", "status"), [(False, Status.WARNING), (True, Status.OK)])
    def test_a_catch_all_mailbox_needs_none(self, catch_all, status):
        plan = configuration.read({"lists": [], "catch_all": catch_all}, mailbox.read, "FILE")
        client = self.client(hours=25)
        client.answers |= {f"lists/{name}@x.test/config": client.answers["lists/c@x.test/config"] for name in "ab"}
        assert the(mailbox.check_aliases(plan, client)).status is status


class TestLists:
    DECLARED = {"a@x.test": {"first_strip_reply_to": True}, "b@x.test": {}}  # noqa: RUF012 -- never changed

    @pytest.fixture
    def client(self):
        return Client({
            "lists": {"entries": [{"fqdn_listname": "a@x.test"}, {"fqdn_listname": "b@x.test"}]},
            "lists/a@x.test/config": {"first_strip_reply_to": True},
            "lists/b@x.test/config": {},
        })  # fmt: skip

    def test_lists_as_declared(self, client):
        assert [finding.status for finding in lists.check_lists(self.DECLARED, client)] == [Status.OK, Status.OK]

    @pytest.mark.parametrize(("others", "named"), [("c", ": c@x.test"), ("hgfedc", ": c@x.test, d@x.test, e@x.test")])
    def test_lists_that_are_not_declared_are_named(self, client, others, named):
        client.answers["lists"]["entries"] += [{"fqdn_listname": f"{name}@x.test"} for name in others]
        found, _settings = all_of(lists.check_lists(self.DECLARED, client))
        assert found.status is Status.OK
        assert f"; {len(others)} more were made in the web interface{named}" in found.seen
        assert found.seen.endswith("g@x.test, …") is (len(others) > 5)

    def test_a_missing_list_is_named(self, client):
        client.answers["lists"]["entries"].pop()
        missing, _settings = all_of(lists.check_lists(self.DECLARED, client))
        assert (missing.status, missing.seen) == (Status.CRITICAL, "missing: b@x.test")
        assert "--tags lists" in missing.remedy

    @pytest.mark.parametrize("current", [{"first_strip_reply_to": False}, {}])
    def test_a_setting_that_was_changed_is_a_warning(self, client, current):
        client.answers["lists/a@x.test/config"] = current
        _missing, drift = all_of(lists.check_lists(self.DECLARED, client))
        assert drift.status is Status.WARNING
        value = current.get("first_strip_reply_to")
        assert drift.seen == f"a@x.test: first_strip_reply_to is {value}, declared is True"

    def test_without_mailman_nothing_is_known(self):
        finding = the(lists.check_lists(self.DECLARED, Client(error=RestError("GET http://x: 500"))))
        assert finding.status is Status.UNKNOWN
        assert "`listkit check --only core`" in finding.remedy


class TestMitigation:
    DECLARED = {"a@x.test": {}}  # noqa: RUF012 -- never changed

    def client(self, **actions):
        """Lists at x.test with these values of `dmarc_mitigate_action`."""
        answers = {"lists": {"entries": [{"fqdn_listname": f"{name}@x.test"} for name in actions]}}
        for name, action in actions.items():
            answers[f"lists/{name}@x.test/config/dmarc_mitigate_action"] = {"dmarc_mitigate_action": action}
        return Client(answers)

    def test_a_list_of_the_web_interface_without_it_is_named(self):
        client = self.client(a="no_mitigation", b="munge_from", c="no_mitigation")
        finding = the(lists.check_mitigation(self.DECLARED, client))
        assert finding.status is Status.WARNING
        assert finding.seen.startswith("none for c@x.test: ")
        assert "Munge From" in finding.remedy and "mailman_lists" in finding.remedy

    def test_with_it_all_is_in_order(self):
        client = self.client(a="no_mitigation", b="munge_from", d="reject")
        assert the(lists.check_mitigation(self.DECLARED, client)).status is Status.OK

    def test_without_mailman_nothing_is_known(self):
        finding = the(lists.check_mitigation(self.DECLARED, Client(error=RestError("GET http://x: 500"))))
        assert finding.status is Status.UNKNOWN

    @pytest.mark.parametrize(("mitigates", "count"), [(True, 2), (False, 1)])
    def test_an_operator_whose_lists_have_none_is_not_told(self, mitigates, count):
        raw = {"lists": {}, "mitigates": mitigates}
        checks = configuration.read(raw, lambda table: lists.checks(settings.read(table, settings.Host())), "FILE")
        assert len(checks) == count


class TestCertificate:
    NOW = 1_800_000_000
    NAME = "lists.x.test"

    def judge(self, fqdn=NAME, lifetime=90, left=60, self_signed=False, mode="letsencrypt"):
        end = self.NOW + left * certificate.DAY_SECONDS
        made = Certificate(
            frozenset({self.NAME}), end - lifetime * certificate.DAY_SECONDS, end, self_signed, fingerprint=""
        )
        return the([certificate.judge(made, fqdn, 14, self.NOW, mode)])

    @pytest.fixture(autouse=True)
    def attempts(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lifecycle, "ROOT", tmp_path)
        return tmp_path / "attempts.json"

    @pytest.mark.parametrize(
        ("fqdn", "lifetime", "left", "status"),
        [
            (NAME, 90, 15, Status.OK),
            ("other.x.test", 90, 15, Status.CRITICAL),
            (NAME, 90, 13, Status.CRITICAL),
            (NAME, 6, 2, Status.OK),
            (NAME, 6, 1, Status.CRITICAL),
        ],
    )
    def test_it_is_for_the_host_and_has_enough_of_its_lifetime_left(self, fqdn, lifetime, left, status):
        finding = self.judge(fqdn, lifetime, left)
        assert finding.status is status
        assert fqdn in finding.seen

    def test_a_temporary_one_is_a_warning_with_the_authority_s_reason(self, attempts):
        attempts.write_text('{"reason": "lists.x.test has no DNS record"}')
        finding = self.judge(lifetime=825, left=820, self_signed=True)
        assert finding.status is Status.WARNING
        assert "temporary and self-signed since 2027-01-10 08:00 UTC" in finding.seen
        assert "820" not in finding.seen
        assert "has no DNS record" in finding.seen
        assert finding.remedy == "`systemctl start listkit-certificate`"

    def test_a_self_signed_one_that_was_asked_for_is_fine(self):
        assert self.judge(self_signed=True, mode="selfsigned").status is Status.OK

    def test_a_web_server_that_sends_none_is_critical(self, monkeypatch):
        def refused(fqdn):
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(certificate, "served", refused)
        finding = the(certificate.check_certificate(self.NAME, 14, "letsencrypt"))
        assert finding.status is Status.CRITICAL
        assert "`systemctl restart nginx`" in finding.remedy


class TestWebInterface:
    @pytest.fixture
    def web_server(self, tmp_path, monkeypatch):
        """A TLS server where the check looks for port 443; it answers with a status line."""
        answers = {"status": 200}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                assert self.headers["Host"] == "lists.x.test"
                self.send_response(answers["status"])
                self.end_headers()

            def log_message(self, *_):
                pass

        pair = make_self_signed(["lists.x.test"])
        (tmp_path / "chain").write_bytes(pair.chain)
        (tmp_path / "key").write_bytes(pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "chain", tmp_path / "key")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
            threading.Thread(target=listening.serve_forever, daemon=True).start()
            connect, here = web.socket.create_connection, ("127.0.0.1", listening.server_port)
            monkeypatch.setattr(web.socket, "create_connection", lambda _, timeout: connect(here, timeout))
            yield answers
            listening.shutdown()

    def test_the_page_is_fetched(self, web_server):
        assert the(web.check_page("lists.x.test")).seen == "HTTP/1.1 200 OK"

    def test_its_certificate_is_read(self, web_server):
        assert certificate.parse(certificate.served("lists.x.test")).names == {"lists.x.test"}

    def test_another_status_is_critical(self, web_server, programs):
        programs.journal("OperationalError: no database")
        web_server["status"] = 502
        finding = the(web.check_page("lists.x.test"))
        assert finding.status is Status.CRITICAL
        assert "502" in finding.seen and "no database" in finding.seen
        assert finding.remedy == "`systemctl restart mailman3-web`"

    def test_a_web_server_that_is_down_is_told_from_an_application_that_is(self, monkeypatch):
        def fails(error):
            def raising(fqdn):
                raise error

            monkeypatch.setattr(web, "fetch_status", raising)
            return the(web.check_page("lists.x.test")).remedy

        assert "restart nginx" in fails(ConnectionRefusedError(111, "refused"))
        assert "restart mailman3-web" in fails(TimeoutError("timed out"))


class TestPatches:
    def test_a_host_without_patched_programs_has_no_finding(self, tmp_path):
        assert list(patches.check_patches(tmp_path / "none")) == []

    def test_processes_that_applied_all_are_named(self, tmp_path):
        self.record(tmp_path)
        finding = the(patches.check_patches(tmp_path))
        assert (finding.status, finding.seen) == (Status.OK, "all applied in mailman/master")

    def test_a_patch_that_does_not_fit_is_critical(self, tmp_path):
        self.record(tmp_path, {"patch": "exact-once", "upstream": "none filed", "reason": "take(a) takes b"})
        finding = the(patches.check_patches(tmp_path))
        assert finding.status is Status.CRITICAL
        assert "mailman/master runs without the patch exact-once: take(a) takes b" in finding.seen
        assert "docs/reference/patches.md" in finding.remedy

    def record(self, directory, *failed):
        (directory / "mailman").mkdir()
        (directory / "mailman" / "master.json").write_text(json.dumps({"failed": failed}))


class TestListAddresses:
    @pytest.fixture
    def bridge(self, tmp_path):
        path = tmp_path / "bridge.json"
        path.write_text(json.dumps(BRIDGE))
        return path

    def look(self, bridge, *addresses):
        client = Client({"lists": {"entries": [{"fqdn_listname": address} for address in addresses]}})
        return all_of(core.check_list_addresses(client, bridge))

    def test_lists_with_addresses_of_their_own(self, bridge):
        [finding] = self.look(bridge, "a@x.test", "b@x.test")
        assert finding.status is Status.OK

    @pytest.mark.parametrize(
        ("address", "seen"),
        [
            ("a@y.test", "in a domain that the inventory does not have: a@y.test"),
            ("a@synonym.test", "in a domain that the inventory does not have: a@synonym.test"),
            ("postorius@x.test", "postorius@x.test is the site's own address"),
            ("mailman@x.test", "mailman@x.test is the site's own address"),
            ("a-owner@x.test", "a-owner@x.test is the address owner of the list a@x.test"),
        ],
    )
    def test_an_address_that_belongs_to_something_else_is_a_warning(self, bridge, address, seen):
        finding = self.look(bridge, "a@x.test", address)[0]
        assert finding.status is Status.WARNING
        assert seen in finding.seen

    def test_without_mailman_nothing_is_known(self, bridge):
        finding = the(core.check_list_addresses(Client(error=RestError("GET http://x: 500")), bridge))
        assert finding.status is Status.UNKNOWN
