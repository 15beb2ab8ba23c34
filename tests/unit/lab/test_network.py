"""Addresses, names and rules of a lab's network; what a machine's resolver is good for."""

import ipaddress

import pytest

from lab import LabError, mounts
from lab.network import RANGE, SLICES, Network, free

FIRST, LAST = Network(0), Network(len(SLICES) - 1)


def test_slices_lie_side_by_side_in_the_documentation_range():
    assert FIRST.subnet[0] == RANGE[0]
    assert LAST.subnet[-1] == RANGE[-1]
    assert not FIRST.subnet.overlaps(Network(1).subnet)
    assert FIRST.subnet6 != Network(1).subnet6


def test_addresses_follow_the_host_number():
    assert [FIRST.gateway, FIRST.address(0), FIRST.address(1)] == ["198.51.100.1", "198.51.100.2", "198.51.100.3"]
    assert FIRST.hardware_address(1) == "02:00:c6:33:64:03"


def test_a_lab_has_room_for_thirteen_hosts():
    assert ipaddress.ip_address(LAST.address(12)) == LAST.subnet[-2]
    with pytest.raises(LabError, match="room for 13 hosts"):
        LAST.address(13)


def test_interface_names_fit_into_the_kernel_s_15_characters():
    assert max(len(name) for name in (LAST.bridge, LAST.interface(12))) <= 15


def test_only_lookups_and_downloads_leave_a_lab():
    rules = FIRST._rules()
    accepted = [line.strip() for line in rules.splitlines() if line.strip().endswith("accept") and "dport" in line]
    assert accepted == ['iifname "lk0" udp dport 53 accept', 'iifname "lk0" tcp dport { 53, 80, 443 } accept']
    assert 'iifname "lk0" reject' in rules


def test_a_taken_network_is_not_given_again():
    assert free({0, 1}).index not in {0, 1}
    with pytest.raises(LabError, match="take one down"):
        free(set(range(len(SLICES))))


def test_resolvers_are_read_without_zones_and_comments(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text("# nameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.2\nnameserver fe80::1%eth0\n")
    assert mounts.nameservers(file) == ["192.0.2.2", "fe80::1"]
