"""Alerts: one message when a problem begins, one when it ends, and none for a restart."""

import grp
import http.server
import json
import os
import threading
import time

import pytest

from listkit.alert import changes, cli, delivery, message
from listkit.alert.configuration import Destination, Page, load
from listkit.canary.record import load as load_canary
from listkit.canary.round_trip import LEGS, RoundTrip
from listkit.check import metrics
from listkit.check.finding import Check, Finding, Status
from listkit.check.runner import Component
from listkit.common.configuration import ConfigurationError
from listkit.status import publishing, report, services
from listkit.status.report import LastCanary


class Web:
    """A web server that keeps what it is sent, and answers with `status`."""

    def __init__(self):
        self.requests, self.status = [], 200
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                web.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(web.status)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook/TOKEN"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    @property
    def texts(self):
        return [json.loads(body)["text"] for method, _, _, body in self.requests if method == "POST"]


@pytest.fixture
def web():
    made = Web()
    yield made
    made.close()


class TestDelivery:
    NEWS = message.Message("lists: 1 new problem – é", "CRITICAL relay, Postfix: down", urgent=True)

    def test_a_webhook_gets_json(self, web):
        delivery.send(self.NEWS, web.url)
        [(_, path, headers, body)] = web.requests
        assert path == "/hook/TOKEN" and headers["Content-Type"] == "application/json"
        assert json.loads(body) == {
            "title": self.NEWS.title,
            "text": f"{self.NEWS.title}\n{self.NEWS.text}",
            "urgent": True,
        }

    def test_ntfy_gets_text_with_a_title_and_a_priority(self, web):
        delivery.send(self.NEWS, f"ntfy+{web.url}")
        [(_, _, headers, body)] = web.requests
        assert (headers["Priority"], body) == ("high", self.NEWS.text)
        assert headers["Title"].startswith("=?utf-8?")

    @pytest.mark.parametrize("status", [403, 500])
    def test_a_refusal_is_an_error_that_does_not_show_the_token(self, web, status):
        web.status = status
        with pytest.raises(delivery.DeliveryError, match=str(status)) as error:
            delivery.send(self.NEWS, web.url)
        assert "TOKEN" not in str(error.value)

    def test_a_server_that_is_down_is_an_error(self, web):
        web.close()
        with pytest.raises(delivery.DeliveryError, match="refused"):
            delivery.beat(web.url)


def finding(name="Postfix", status=Status.CRITICAL, seen="down") -> tuple[str, Finding]:
    return "relay", Finding(name, status, seen, "" if status is Status.OK else "`start`")


class TestChanges:
    def test_findings_of_one_name_are_one_problem(self):
        [problem] = changes.problems([finding("disks", Status.WARNING, "a"), finding("disks", seen="b")], 5).values()
        assert (problem.status, problem.seen, problem.since) == (Status.CRITICAL, "a; b", 5)

    def test_what_has_begun_become_graver_or_ended_is_news(self):
        def problem(name, status=Status.WARNING):
            return changes.Problem("relay", name, status, "x", "y", 0)

        before = {name: problem(name) for name in ("same", "graver", "ended")}
        now = {name: problem(name) for name in ("same", "new")} | {"graver": problem("graver", Status.CRITICAL)}
        news = changes.compare(before, now)
        assert [one.name for one in news.begun] == ["new", "graver"]
        assert [one.name for one in news.ended] == ["ended"]
        assert not changes.compare(now, now)

    def test_they_are_read_back(self, tmp_path):
        reported = changes.problems([finding()], 5)
        changes.save(reported, tmp_path / "state/reported.json")
        assert changes.load(tmp_path / "state/reported.json") == reported
        assert changes.load(tmp_path / "missing.json") == {}


class TestRuns:
    """Runs of the timer's job, on a host whose findings a test sets."""

    @pytest.fixture(autouse=True)
    def host(self, monkeypatch, tmp_path, web):
        self.web, self.slept, self.findings = web, [], [finding(status=Status.OK)]
        self.later = None
        monkeypatch.setattr(changes, "PATH", tmp_path / "reported.json")
        monkeypatch.setattr(metrics, "PATH", tmp_path / "metrics.prom")
        monkeypatch.setattr(cli.runner.reuse, "PATH", tmp_path / "looks.json")
        monkeypatch.setattr(report, "PATH", tmp_path / "report.json")
        monkeypatch.setattr(services, "PATH", tmp_path / "services.json")
        monkeypatch.setattr(publishing, "ROOT", tmp_path / "pages")
        for module in (report, publishing):
            monkeypatch.setattr(module, "READERS", grp.getgrgid(os.getgid()).gr_name)
        monkeypatch.setattr(cli.record, "load", lambda: None)
        monkeypatch.setattr(cli.time, "sleep", self.sleep)
        monkeypatch.setattr(cli.runner, "components", lambda: [Component("relay", [Check("x", self.look)])])
        self.metrics = tmp_path / "metrics.prom"

    def look(self):
        return [one for _, one in self.findings]

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.findings = self.later or self.findings

    def run(self, **values):
        cli.report(Destination("lists", self.web.url, self.web.url, **values), 60)

    def test_a_healthy_host_sends_only_its_heartbeat(self):
        self.run()
        assert [method for method, *_ in self.web.requests] == ["GET"]
        assert not self.slept

    def test_a_problem_is_reported_once_when_it_begins_and_once_when_it_ends(self):
        self.findings = [finding()]
        self.run()
        self.run()
        assert self.web.texts == ["lists: 1 new problem\nCRITICAL relay, Postfix: down\n→ `start`"]
        assert self.slept == [60]
        self.findings = [finding(status=Status.OK)]
        self.run()
        self.run()
        assert len(self.web.texts) == 2
        assert self.web.texts[1].startswith("lists: 1 solved\nSOLVED relay, Postfix: after 0 h 0 min, since 20")

    def test_what_seldom_changes_is_looked_at_again_only_while_it_is_wrong(self, monkeypatch):
        looks = []
        check = Check("x", lambda: looks.append(1) or self.look(), reuse_seconds=3600)
        monkeypatch.setattr(cli.runner, "components", lambda: [Component("relay", [check])])
        self.findings = [finding()]
        self.run()
        self.run()
        assert len(looks) == 3  # once more to confirm it
        self.findings = [finding(status=Status.OK)]
        self.run()
        self.run()
        assert len(looks) == 4
        assert [text.partition("\n")[0] for text in self.web.texts] == ["lists: 1 new problem", "lists: 1 solved"]

    def test_a_restart_is_not_reported(self):
        self.findings, self.later = [finding()], [finding(status=Status.OK)]
        self.run()
        assert self.web.texts == []

    def test_nothing_is_reported_while_ansible_changes_the_host_unless_it_was_interrupted(self, monkeypatch, tmp_path):
        monkeypatch.setattr(cli, "DEPLOYMENT", tmp_path / "deployment")
        cli.DEPLOYMENT.touch()
        self.findings = [finding()]
        self.run()
        assert [method for method, *_ in self.web.requests] == ["GET"]
        assert 'check="Postfix"} 2' in self.metrics.read_text()
        # It ends between the look and the message.
        monkeypatch.setattr(cli.time, "sleep", lambda _: cli.DEPLOYMENT.unlink(missing_ok=True))
        self.findings = [finding("DNS")]
        self.run()
        assert self.web.texts == []
        cli.DEPLOYMENT.touch()
        os.utime(cli.DEPLOYMENT, (time.time() - cli.MOST_DEPLOYMENT_SECONDS,) * 2)
        self.run()
        assert len(self.web.texts) == 1

    def test_what_was_not_accepted_is_sent_at_the_next_run(self):
        self.findings, self.web.status = [finding()], 500
        with pytest.raises(delivery.DeliveryError):
            self.run()
        self.web.requests.clear()
        self.web.status = 200
        self.run()
        assert len(self.web.texts) == 1

    def test_the_metrics_have_the_confirmed_findings(self):
        self.findings, self.later = [finding()], [finding(status=Status.WARNING), finding("DNS", Status.UNKNOWN)]
        self.run()
        lines = self.metrics.read_text()
        assert 'listkit_check_status{component="relay",check="Postfix"} 1\n' in lines
        assert "DNS" not in lines
        assert "listkit_check_timestamp_seconds 1" in lines

    def test_a_host_that_sends_no_alerts_has_metrics_and_a_report(self, monkeypatch):
        trip = RoundTrip("<x>", 5.0, dict.fromkeys(LEGS, 2.0))
        monkeypatch.setattr(cli.record, "load", lambda: trip)
        self.findings = [finding()]
        for _ in range(2):
            cli.report(Destination("lists", ""), 60)
        assert self.web.requests == [] and self.slept == [60]
        assert 'check="Postfix"} 2' in self.metrics.read_text()
        assert report.load().canary == LastCanary(5.0, 8.0)

    def test_the_status_page_is_written_before_an_alert_that_fails_and_removed_when_it_is_not_wanted(self):
        self.findings, self.web.status = [finding()], 500
        with pytest.raises(delivery.DeliveryError):
            self.run(page=Page("Lists", has_core=True))
        assert "Something does not work" in (publishing.ROOT / "public/en.html").read_text()
        self.web.status = 200
        self.run()
        assert not publishing.ROOT.exists()

    def test_an_alert_is_sent_when_the_page_cannot_be_written(self, monkeypatch, tmp_path, capsys):
        (tmp_path / ".report.json.new").mkdir()
        self.findings = [finding()]
        monkeypatch.setattr(cli, "load", lambda: Destination("lists", self.web.url, page=Page("Lists", has_core=True)))
        assert cli.main(["run"]) == 1
        assert len(self.web.texts) == 1
        assert "the status page may be old" in capsys.readouterr().err

    def test_a_damaged_record_of_the_canary_is_left_to_its_check(self, monkeypatch, tmp_path):
        (tmp_path / "last.json").write_text("{")
        monkeypatch.setattr(cli.record, "load", lambda: load_canary(tmp_path / "last.json"))
        self.run()
        assert report.load().canary is None


class TestCommand:
    def test_a_test_message_is_sent(self, web, monkeypatch):
        monkeypatch.setattr(cli, "load", lambda: Destination("lists", web.url))
        assert cli.main(["test"]) == 0
        assert web.texts[0].startswith("lists: test of the alerts\n")

    def test_a_failure_is_shown_without_the_token(self, web, monkeypatch, capsys):
        web.status = 404
        monkeypatch.setattr(cli, "load", lambda: Destination("lists", web.url))
        assert cli.main(["test"]) == 1
        assert capsys.readouterr().err == "the alert was not sent: answer 404 Not Found\n"

    def test_a_test_without_a_destination_is_an_error(self, monkeypatch, capsys):
        monkeypatch.setattr(cli, "load", lambda: Destination("lists", ""))
        assert cli.main(["test"]) == 1
        assert "alert_to is not set" in capsys.readouterr().err

    def test_the_configuration_and_its_secrets_are_read(self, tmp_path):
        (tmp_path / "alert.json").write_text('{"host": "lists"}')
        (tmp_path / "alert_to").write_text("https://x.test/TOKEN\n")
        with pytest.raises(ConfigurationError, match="alert_heartbeat"):
            load(tmp_path / "alert.json", tmp_path)
        (tmp_path / "alert_heartbeat").write_text("\n")
        (tmp_path / "alert_password").write_text("\n")
        assert load(tmp_path / "alert.json", tmp_path) == Destination("lists", "https://x.test/TOKEN")
        (tmp_path / "alert.json").write_text('{"host": "lists", "page": {"site": "Ana & Bo", "has_core": false}}')
        assert load(tmp_path / "alert.json", tmp_path).page == Page("Ana & Bo", has_core=False)
