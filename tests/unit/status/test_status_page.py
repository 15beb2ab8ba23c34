"""The status page: what visitors and administrators read, and when it says that it is out of date."""

from __future__ import annotations

import json
import re
import string
from dataclasses import asdict, fields
from html.parser import HTMLParser

import pytest

from listkit.check.finding import Finding
from listkit.status import pages, publishing, report, services
from listkit.status.pages import Part
from listkit.status.report import LastCanary, Report
from listkit.status.services import Service, State
from listkit.status.texts import LANGUAGES, Texts

NOW = 1_764_500_050.0
SITE = "Ana & Bo <Lists>"
OK = ("core", Finding.ok("REST API", "answers"))
DOWN = ("relay", Finding.critical("Postfix", "ana@example.org <secret>", "`start it`"))
WARNING = ("web", Finding.warning("search index", "2 of 5 posts", "`listkit archive reindex`"))


def own(*findings, **values) -> Report:
    return Report("lists.example.org", NOW, tuple(findings), **values)


@pytest.fixture
def publish(files):
    """Write the pages of a host with these findings; return each page by name and language."""

    def publish(current: Report, *others: Part) -> dict[str, str]:
        report.prepare_directory(files.report.parent)
        publishing.publish(SITE, current, list(others))
        return {f"{path.parent.name}/{path.stem}": path.read_text() for path in files.pages.glob("*/*.html")}

    return publish


class TestTexts:
    @pytest.mark.parametrize("name", [field.name for field in fields(Texts)])
    def test_each_language_has_the_same_values_in_a_text(self, name):
        used = {tag: placeholders(asdict(texts)[name]) for tag, texts in LANGUAGES.items()}
        assert set(map(frozenset, used.values())) == {frozenset(used["en"])}

    def test_they_are_translated(self):
        assert set(LANGUAGES) == {"en", "fr", "de", "it", "es"}
        for tag, texts in LANGUAGES.items():
            same = {name for name, text in asdict(texts).items() if text == asdict(LANGUAGES["en"])[name]}
            assert tag == "en" or same <= {"title"}, tag


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


class TestPages:
    def test_visitors_learn_what_works_and_since_when_and_nothing_else(self, publish):
        found = publish(own(OK, DOWN, WARNING, canary=LastCanary(NOW - 60, 12.4)))
        text = found["public/en"]
        assert "<h1>Something does not work</h1>" in text
        assert 'class="down">disturbed, since <time datetime="2025-11-30T10:54Z">2025-11-30 10:54 UTC</time>' in text
        assert 'class="up">works, since' in text
        assert "was back after 12 seconds" in text
        private = ("Postfix", "relay", "ana@", "secret", "start it", "lists.example.org", "posts")
        assert not [word for word in private if word in text]

    def test_each_visitor_has_a_language(self, publish):
        found = publish(own(OK))
        headings = {tag: re.search("<h1>(.*)</h1>", found[f"public/{tag}"])[1] for tag in LANGUAGES}
        assert headings == {tag: texts.all_up.replace("'", "&#x27;") for tag, texts in LANGUAGES.items()}
        assert all(f'<html lang="{tag}">' in found[f"public/{tag}"] for tag in LANGUAGES)

    def test_administrators_see_every_finding_and_remedy_the_gravest_first(self, publish):
        text = publish(own(OK, WARNING, DOWN))["details/de"]
        rows = re.findall(r'<td class="(\w+)">\1</td><td>(\w+)</td>', text)
        assert rows == [("critical", "relay"), ("warning", "web"), ("ok", "core")]
        assert "ana@example.org &lt;secret&gt;<br>→ `start it`" in text

    def test_no_finding_becomes_markup_or_a_directive_of_the_web_server(self, publish):
        evil = ("core", Finding.ok("x", '<!--# include virtual="/etc/passwd" --><script>'))
        plain = publish(own(OK))["details/en"]
        text = publish(own(evil))["details/en"]
        assert text.count("<!--#") == plain.count("<!--#") and "<script>" not in text
        assert "Ana &amp; Bo &lt;Lists&gt;" in text

    @pytest.mark.parametrize("page", ["public", "details"])
    def test_the_web_server_shows_that_a_page_is_out_of_date(self, publish, page):
        text = publish(own(OK))[f"{page}/en"]
        assert not is_stale(text, NOW) and not is_stale(text, NOW + pages.VALID_SECONDS)
        assert is_stale(text, NOW + pages.VALID_SECONDS + 100) and is_stale(text, NOW - 3600)

    def test_a_page_is_whole_html_that_loads_nothing(self, publish):
        for name, text in publish(own(OK, DOWN), Part(None, "x")).items():
            parser = Balance()
            parser.feed(text)
            assert (parser.open, parser.loaded) == ([], []), name

    def test_a_canary_that_is_lost_is_reported(self, publish):
        assert "has not come back" in publish(own(OK, canary=LastCanary(NOW - 60, None)))["public/en"]
        assert "test message" not in publish(own(OK))["public/en"]

    def test_the_pages_are_the_web_servers_alone(self, publish, files):
        publish(own(OK))
        assert {path.stat().st_mode & 0o777 for path in files.pages.glob("*/*.html")} == {0o640}
        assert {path.stat().st_mode & 0o777 for path in files.pages.iterdir()} == {0o755}
        publishing.withdraw()
        assert not files.pages.exists()
        publishing.withdraw()


def is_stale(text: str, now: float) -> bool:
    """Evaluate the page's condition as nginx does."""
    condition = re.search(r'expr="\$date_gmt = /(.*?)/" --><!--# else -->\n<p class="stale">.*\n<!--# endif', text)
    return re.search(condition[1], f"{now:.0f}") is None


class Balance(HTMLParser):
    """The elements that are not closed, and those that load something."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("script", "img", "link", "iframe"):
            self.loaded.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


class TestSeveralHosts:
    CORE = Report("mail", NOW - 60, (OK, DOWN), LastCanary(NOW - 90, 7))

    def test_the_page_has_the_findings_of_both(self, publish):
        found = publish(own(WARNING), Part(self.CORE))
        assert "<h2>lists.example.org</h2>" in found["details/en"] and "<h2>mail</h2>" in found["details/en"]
        assert "Something does not work" in found["public/en"] and "after 7 seconds" in found["public/en"]

    def test_without_the_other_report_nobody_knows_whether_mail_works(self, publish):
        found = publish(own(WARNING), Part(None, "GET http://127.0.0.1:8001/3.1: refused"))
        assert "Not everything can be checked" in found["public/en"] and "8001" not in found["public/en"]
        assert "No findings from Mailman&#x27;s host: GET http://127.0.0.1:8001/3.1: refused" in found["details/en"]

    def test_an_old_report_is_shown_as_such(self, publish):
        old = Part(Report("mail", NOW - 1000, (OK,)))
        found = publish(own(WARNING), old)
        assert "Not everything can be checked" in found["public/en"]
        assert "The findings of mail are old" in found["details/en"]

    def test_a_link_that_is_down_is_a_disturbance(self, publish):
        link = ("tunnel", Finding.critical("link core-8001", "refused", "`restart`"))
        assert "Something does not work" in publish(own(link), Part(None, "x"))["public/en"]

    def test_the_host_of_core_is_asked_over_mailmans_api(self, monkeypatch):
        class Client:
            def get(self, path):
                assert path == "plugins/listkit/report"
                return json.loads(TestSeveralHosts.CORE.as_json())

        monkeypatch.setattr(publishing.RestClient, "of_this_host", Client)
        assert publishing.core_report() == Part(self.CORE)

    @pytest.mark.parametrize("answer", [{}, {"findings": [1]}, {"findings": [{"status": "bad"}]}])
    def test_an_answer_that_is_no_report_is_a_reason(self, monkeypatch, answer):
        monkeypatch.setattr(publishing.RestClient, "of_this_host", lambda: type("C", (), {"get": lambda *_: answer})())
        part = publishing.core_report()
        assert part.report is None and part.reason


class TestServices:
    def test_a_state_keeps_its_beginning(self, files):
        before = {"mail": Service(State.DOWN, 5), "web": Service(State.UP, 5)}
        found = services.assess([DOWN], frozenset(), before, NOW)
        assert found == before
        assert services.assess([OK], frozenset(), before, NOW)["mail"] == Service(State.UP, NOW)
        assert services.assess([WARNING], frozenset({"mail"}), before, NOW)["mail"] == Service(State.UNKNOWN, NOW)

    @pytest.mark.parametrize("component", ["backup", "lists", "base", "access"])
    def test_what_visitors_do_not_notice_is_no_disturbance(self, component):
        failing = [(component, Finding.critical("x", "y", "z"))]
        assert {one.state for one in services.assess(failing, frozenset(), {}, NOW).values()} == {State.UP}

    def test_states_are_read_back_and_damage_is_no_obstacle(self, files):
        files.services.parent.mkdir()
        found = services.assess([DOWN], frozenset(), {}, NOW)
        assert services.load() == {}
        services.save(found)
        assert services.load() == found
        for damage in ("", "[]", '{"mail": 1}', '{"mail": {"state": "odd", "since": 1}}'):
            files.services.write_text(damage)
            assert services.load() == {}


class TestReport:
    def test_it_is_read_back_and_closed_to_others(self, files):
        kept = own(OK, DOWN, canary=LastCanary(NOW, None))
        assert report.load() is None
        report.save(kept)
        assert report.load() == kept and kept.problems == {"relay/Postfix"}
        assert files.report.stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("damage", ["", "[]", "{}", '{"findings": [{}]}'])
    def test_a_damaged_one_is_none(self, files, damage):
        report.save(own(OK))
        files.report.write_text(damage)
        assert report.load() is None
