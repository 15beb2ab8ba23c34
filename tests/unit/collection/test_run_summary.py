"""The summary at the end of a run."""

from __future__ import annotations

from ansible_collections.listkit.kit.plugins.plugin_utils.run_summary import HostCheck, summary

PASSED = HostCheck("mailman", passed=True)
FAILED = HostCheck("web1", passed=False, report="FAIL nginx.service: inactive")
LISTS = {
    "removed": [{"list": "press@example.org", "members": 12, "held_messages": 3}],
    "undeclared": ["old@example.org", "plain@example.org"],
    "drift": [{"list": "old@example.org", "settings": {"dmarc_mitigate_action": "no_mitigation"}}],
}


def test_a_quiet_run_is_one_line():
    assert summary([], {}, "", "", [PASSED]) == "Result: all checks passed."
    assert summary([], {}, "", "", []) == "Result: the hosts were not checked."


def test_the_parts_are_in_order_of_urgency():
    assert summary(["disk is small"], LISTS, "news, news-bounces\n", "2 of 10", [PASSED, FAILED]) == (
        "Warnings\n"
        "  - disk is small\n"
        "  - press@example.org was removed, with 12 members and 3 held messages (the archive is kept)\n"
        "  - old@example.org exists but is not declared in mailman_lists; it was left unchanged;"
        " unlike the declared lists, dmarc_mitigate_action is no_mitigation\n"
        "  - plain@example.org exists but is not declared in mailman_lists; it was left unchanged\n\n"
        "Aliases\n  news, news-bounces\n\n"
        "Outgoing mail\n  2 of 10\n\n"
        "Failed checks on web1\n  FAIL nginx.service: inactive\n\n"
        "Result: checks failed on web1; each line above has its remedy."
    )


def test_a_warning_is_shown_and_passes():
    warned = HostCheck("mailman", passed=True, report="WARNING  base  reboot: due")
    assert summary([], {}, "", "", [warned]) == (
        "Warnings on mailman\n  WARNING  base  reboot: due\n\nResult: all checks passed."
    )


def test_a_mail_plan_that_nobody_named_is_asked_for():
    text = summary([], {}, "", "2 of 10", [], plan_assumed=True)
    assert "Outgoing mail\n  mail_plan is not set: 1440 recipients in 24 hours are assumed" in text
    assert "otherwise to ksuite_one_user for 100, my_ksuite for 500, starter for 100; or set" in text
    assert "\n  2 of 10\n" in text


def test_what_was_not_done_is_the_result_unless_a_check_failed():
    failures = ["mailman@example.org: no room"]
    assert summary([], {}, "", "", [PASSED], failures=failures) == (
        "Not done\n  - mailman@example.org: no room\n\nResult: something was not done; each line above has the reason."
    )
    assert "Result: checks failed on web1" in summary([], {}, "", "", [FAILED], failures=failures)


def task(**options) -> list[dict]:
    return [{"name": "Summarise", "listkit.kit.run_summary": options}]


def test_through_ansible(playbooks):
    run = playbooks.run(task(lists=LISTS, aliases="news", checks=[{"host": "mailman", "passed": True}]), "--check")
    assert run.returncode == 0, run.output
    assert "- press@example.org would be removed, with 12 members" in run.output
    assert "Result: all checks passed." in run.output


def test_through_ansible_a_failed_check_fails_the_run(playbooks):
    run = playbooks.run(task(checks=[{"host": "web1", "passed": False, "report": "FAIL nginx.service: inactive"}]))
    assert run.returncode == 2
    assert "FAIL nginx.service: inactive" in run.output and "checks failed on web1" in run.output
