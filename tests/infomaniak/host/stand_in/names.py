"""The name server of the lab: dnsmasq, with the records of the mail service, its customers and the strict receiver."""

import json
import subprocess
from pathlib import Path

from stand_in.state import State

FACTS = Path("/etc/stand-in/facts.json")
CONFIGURATION = Path("/etc/dnsmasq.conf")


def configuration(facts: dict, domains: dict[str, str], extra: list[str]) -> str:
    """dnsmasq's configuration.

    `facts` has the addresses of both hosts, the machine's resolvers, the DKIM selector and both public keys; `domains`
    the hosted domains with their DMARC policies; `extra` are lines added at run time.
    """
    service, strict = facts["infomaniak"], facts["strict"]
    lines = [
        "# Nothing under these names is ever asked outside of the lab.",
        "local=/test/infomaniak.com/infomaniak.ch/",
        "no-resolv", "no-hosts", "bind-interfaces", f"listen-address=127.0.0.1,{service}",
        *(f"server={resolver}" for resolver in facts["resolvers"]),
        f"host-record=mail.infomaniak.com,{service}",
        f"host-record=mta-gw.infomaniak.ch,{service}",
        f"txt-record=spf.infomaniak.ch,v=spf1 ip4:{service} -all",
        f"host-record=mx.strict.test,{strict}",
    ]  # fmt: skip
    for domain, policy in domains.items():
        lines += _domain(domain, "mx-host={},mta-gw.infomaniak.ch,5", "v=spf1 include:spf.infomaniak.ch -all",
                         policy, facts["selector"], facts["infomaniak_key"])  # fmt: skip
    for domain, policy in {"strict.test": "none", "bank.test": "reject", "plain.test": ""}.items():
        lines += _domain(domain, "mx-host={},mx.strict.test,10", f"v=spf1 ip4:{strict} -all",
                         policy, facts["selector"], facts["strict_key"])  # fmt: skip
    return "\n".join([*lines, *extra, ""])


def apply(state: State) -> None:
    """Write the configuration and restart the server with it, if it is another one."""
    text = configuration(json.loads(FACTS.read_text()), state.domains(), state.records())
    if not CONFIGURATION.exists() or CONFIGURATION.read_text() != text:
        CONFIGURATION.write_text(text)
        subprocess.run(["systemctl", "restart", "dnsmasq"], check=True)


def _domain(domain: str, mx: str, spf: str, policy: str, selector: str, key: str) -> list[str]:
    halves = ",".join(f'"{part}"' for part in (f"v=DKIM1; k=rsa; p={key[:200]}", key[200:]))
    lines = [
        mx.format(domain),
        f"txt-record={domain},{spf}",
        f"txt-record={selector}._domainkey.{domain},{halves}",
    ]
    if policy:
        lines.append(f'txt-record=_dmarc.{domain},"v=DMARC1; p={policy}"')
    return lines
