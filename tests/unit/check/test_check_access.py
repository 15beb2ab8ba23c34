"""The check of the packet filter."""

import pytest
from check_stand_ins import the

from listkit.check import runner
from listkit.check.components import access
from listkit.check.finding import Check, Finding, Status
from listkit.check.settings import Host, Settings
from listkit.common.configuration import Table


@pytest.mark.parametrize(("firewall", "names"), [(True, ["packet filter"]), (False, [])])
def test_it_is_looked_at_if_it_is_the_kits(firewall, names):
    assert [check.name for check in access.checks(Settings((), Table({"firewall": firewall}), Host()))] == names


def test_rules_that_are_loaded(programs):
    programs.add("nft", "echo 'table inet listkit { chain input {'")
    assert the(access.check_firewall()).status is Status.OK


def test_rules_that_another_program_removed(programs):
    programs.add("nft", "echo 'Error: No such file or directory' >&2; exit 1")
    finding = the(access.check_firewall())
    assert finding.status is Status.CRITICAL
    assert finding.remedy == "`systemctl restart listkit-firewall.service`"


def test_what_others_cannot_reach_is_not_called_broken(monkeypatch):
    def refused():
        yield Finding.critical("Postfix", "connection refused", "`systemctl restart postfix`")

    monkeypatch.setattr(runner.os, "geteuid", lambda: 1000)
    finding = the(runner.perform(Check("Postfix", refused, needs_root=True)))
    assert (finding.status, finding.remedy) == (Status.UNKNOWN, "`sudo listkit check`")
