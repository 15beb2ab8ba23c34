"""What the kit says about SPF and DMARC records, compared with another program that reads them: checkdmarc.

Both ask the same name server about the same zones. Where they differ on purpose, the zone says why.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import dns.resolver
import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils import mail_dns, spf
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import Resolver

from infomaniak_api.name_server import NameServer

# checkdmarc runs with the dnspython of Debian 12, but for a class that came later and that it only annotates with.
if "dns.nameserver" not in sys.modules:
    sys.modules["dns.nameserver"] = ModuleType("dns.nameserver")
    sys.modules["dns.nameserver"].Nameserver = str
from checkdmarc.dmarc import check_dmarc
from checkdmarc.spf import check_spf

INCLUDE = "include:spf.infomaniak.ch"
PROVIDER = {
    "spf.infomaniak.ch": [
        "v=spf1 include:spf1.infomaniak.ch include:spf2.infomaniak.ch include:spf3.infomaniak.ch -all"
    ],
    "spf1.infomaniak.ch": ["v=spf1 ip4:192.0.2.0/25 -all"],
    "spf2.infomaniak.ch": ["v=spf1 ip4:192.0.2.128/25 -all"],
    "spf3.infomaniak.ch": ["v=spf1 ip6:2001:db8::/32 -all"],
    "two.example.net": ["v=spf1 -all", "v=spf1 ?all"],
    "loop.example.net": ["v=spf1 include:loop.example.net -all"],
    "broken.example.net": ["v=spf1 ip4:192.0.2.300 -all"],
    **{f"{name}.example.net": [f"v=spf1 ip4:203.0.113.{number} ?all"] for number, name in enumerate("abcdefg")},
}


@dataclass(frozen=True)
class Zone:
    """The TXT records of a domain and of its `_dmarc`; `differs`: why the two programs don't agree."""

    spf: tuple[str, ...] = (f"v=spf1 {INCLUDE} -all",)
    dmarc: tuple[str, ...] = ("v=DMARC1; p=none; rua=mailto:admin@example.org",)
    differs: str = ""


def includes(names: str) -> str:
    return " ".join(f"include:{name}.example.net" for name in names)


SPF = {
    "right": Zone(),
    "softfail": Zone((f"v=spf1 {INCLUDE} ~all",)),
    "neutral": Zone((f"v=spf1 {INCLUDE} ?all",)),
    "without all": Zone((f"v=spf1 {INCLUDE}",)),
    "addresses": Zone((f"v=spf1 ip4:192.0.2.1 ip4:198.51.100.0/24 ip6:2001:db8::1 ip6:2001:db8::/48 {INCLUDE} -all",)),
    "capitals": Zone((f"V=SPF1 IP4:192.0.2.1 {INCLUDE} -ALL",), differs="case doesn't matter: RFC 7208, 4.5 and 4.6.1"),
    "beside other texts": Zone(("google-site-verification=x", f"v=spf1 {INCLUDE} -all")),
    "in parts": Zone((f"v=spf1 {' '.join(f'ip4:198.51.100.{number}' for number in range(20))} {INCLUDE} -all",)),
    "another include": Zone((f"v=spf1 {INCLUDE} include:a.example.net -all",)),
    "as many lookups as may be": Zone((f"v=spf1 {INCLUDE} {includes('abcdef')} -all",)),
    "a lookup too many": Zone((f"v=spf1 {INCLUDE} {includes('abcdefg')} -all",)),
    "redirect": Zone((f"v=spf1 {INCLUDE} redirect=a.example.net",)),
    "redirect after all": Zone(
        (f"v=spf1 {INCLUDE} -all redirect=gone.example.net",), differs="it is ignored beside all: RFC 7208, 6.1"
    ),
    "terms after all": Zone((f"v=spf1 {INCLUDE} -all ip4:192.0.2.1",)),
    "missing": Zone(("something",)),
    "two records": Zone((f"v=spf1 {INCLUDE} -all", "v=spf1 mx -all")),
    "in quotes": Zone((f'"v=spf1 {INCLUDE} -all"',), differs="checkdmarc removes quotes that belong to the text"),
    "a semicolon": Zone((f"v=spf1; {INCLUDE} -all",)),
    "misspelt": Zone((f"v=spf1 includes:spf.infomaniak.ch {INCLUDE} -all",), differs="checkdmarc reads it as include"),
    "ip": Zone((f"v=spf1 ip:192.0.2.1 {INCLUDE} -all",)),
    "an impossible address": Zone((f"v=spf1 ip4:192.0.2.300 {INCLUDE} -all",)),
    "an impossible network": Zone((f"v=spf1 ip4:192.0.2.0/33 {INCLUDE} -all",)),
    "an IPv6 address as ip4": Zone((f"v=spf1 ip4:2001:db8::1 {INCLUDE} -all",)),
    "an include without value": Zone((f"v=spf1 include: {INCLUDE} -all",)),
    "an IPv4 address as ip6": Zone((f"v=spf1 ip6:192.0.2.1 {INCLUDE} -all",)),
    "an include of nothing": Zone(
        (f"v=spf1 include:gone.example.net {INCLUDE} -all",), differs="it is an error: RFC 7208, 5.2"
    ),
    "an include of two": Zone((f"v=spf1 include:two.example.net {INCLUDE} -all",)),
    "a loop": Zone((f"v=spf1 include:loop.example.net {INCLUDE} -all",)),
    "an include that is broken": Zone((f"v=spf1 include:broken.example.net {INCLUDE} -all",)),
}
DMARC = {
    "quarantine": Zone(dmarc=("v=DMARC1; p=quarantine; sp=none; adkim=s; aspf=r",)),
    "reject": Zone(dmarc=("v=DMARC1; p=reject",)),
    "no spaces": Zone(dmarc=("v=DMARC1;p=none;rua=mailto:admin@example.org",)),
    "many spaces": Zone(dmarc=("v=DMARC1 ;  p = none ; rua = mailto:admin@example.org ;",)),
    "two reports": Zone(dmarc=("v=DMARC1; p=none; rua=mailto:a@example.org,mailto:b@example.org!10m",)),
    "none": Zone(dmarc=()),
    "another text": Zone(dmarc=("something",)),
    "two of them": Zone(dmarc=("v=DMARC1; p=none", "v=DMARC1; p=reject")),
    "small letters": Zone(dmarc=("v=dmarc1; p=none",)),
    "no version": Zone(dmarc=("p=none",)),
    "an unknown policy": Zone(dmarc=("v=DMARC1; p=block",)),
    "an unknown alignment": Zone(
        dmarc=("v=DMARC1; p=none; aspf=strict",), differs="receivers ignore it, and the operator means something"
    ),
    "no policy": Zone(dmarc=("v=DMARC1; adkim=s",), differs="without p and rua, receivers ignore the record"),
    "reports without mailto": Zone(dmarc=("v=DMARC1; p=none; rua=admin@example.org",)),
    "a tag without value": Zone(dmarc=("v=DMARC1; p=none; rua",)),
}
ZONES = {**SPF, **DMARC}
NAMES = {zone: f"zone{number}.org" for number, zone in enumerate(ZONES)}


@pytest.fixture(scope="module")
def server():
    """All zones on one name server."""
    records = {(name, "TXT"): texts for name, texts in PROVIDER.items()}
    for zone, name in NAMES.items():
        records[name, "TXT"] = list(ZONES[zone].spf)
        records[name, "MX"] = ["5 mta-gw.infomaniak.ch"]
        records[f"_dmarc.{name}", "TXT"] = list(ZONES[zone].dmarc)
    # Where reports go must say that it wants them.
    for name in NAMES.values():
        records[f"{name}._report._dmarc.example.org", "TXT"] = ["v=DMARC1"]
    records["example.org", "MX"] = ["5 mta-gw.infomaniak.ch"]
    with NameServer(records) as started:
        yield started


@pytest.fixture(scope="module")
def oracle(server) -> dns.resolver.Resolver:
    """What checkdmarc asks."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [server.address[0]], server.address[1], 20
    return resolver


@pytest.mark.parametrize("zone", SPF)
def test_spf(server, oracle, zone):
    ours = [finding.problem for finding in mail_dns.check_spf(Resolver([server.address]), NAMES[zone])]
    theirs = check_spf(NAMES[zone], resolver=oracle)
    is_right = theirs["valid"] and theirs["dns_lookups"] <= spf.LOOKUPS_AT_MOST
    assert ((not ours) == is_right) == (not ZONES[zone].differs), (ours, theirs)
    if is_right and not ours:
        resolver = Resolver([server.address])
        followed = spf.evaluate(NAMES[zone], theirs["record"], lambda name: resolver.lookup(name, "TXT"))
        assert followed.lookups == theirs["dns_lookups"]


@pytest.mark.parametrize("zone", DMARC)
def test_dmarc(server, oracle, zone):
    ours = [
        finding.problem for finding in mail_dns.check_dmarc(Resolver([server.address]), NAMES[zone], "a@example.org")
    ]
    theirs = check_dmarc(NAMES[zone], resolver=oracle)
    assert ((not ours) == theirs["valid"]) == (not ZONES[zone].differs), (ours, theirs)
