"""The results of `listkit check`, as the summary of a run shows them."""

from ansible_collections.listkit.kit.plugins.filter.check_outcomes import check_outcomes

RESULTS = {
    "mail1": {"check_result": {"rc": 0, "stdout": "OK: 2 ok\nok        core  a: b", "stderr": ""}},
    "web1": {
        "check_result": {"rc": 1, "stdout": "WARNING: 1 warning\nok   x\nWARNING  web  c: d\n   → e", "stderr": ""}
    },
    "db1": {"check_result": {"rc": 2, "stdout": "CRITICAL: 1 critical", "stderr": "no"}},
    "skipped": {"check_result": {"skipped": True}},
    "other": {},
}


def test_a_warning_passes_and_is_shown():
    assert check_outcomes(RESULTS, RESULTS) == [
        {"host": "mail1", "passed": True, "report": ""},
        {"host": "web1", "passed": True, "report": "WARNING: 1 warning\nWARNING  web  c: d\n   → e"},
        {"host": "db1", "passed": False, "report": "CRITICAL: 1 critical\nno"},
    ]
