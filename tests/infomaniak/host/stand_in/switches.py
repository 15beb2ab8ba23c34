"""Switches that are settings of the servers, not of the policy: they take a reload."""

import subprocess
from pathlib import Path

from stand_in.state import State

_IMAP = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+ UIDPLUS MOVE UNSELECT NAMESPACE CHILDREN"
_RESULTS = "Authentication-Results: mx.infomaniak.com;"
# The comment tells the service's own field from a forged one.
_VERDICTS = {
    "spam": "X-Infomaniak-Spam: spam (stand-in)",
    "dmarc_fail": f"{_RESULTS} dmarc=fail (stand-in)",
    "dmarc_pass": f"{_RESULTS} dmarc=pass (stand-in)",
}
_REMOVE_FORGED = r"""
/^(Authentication-Results:\s*mx\.infomaniak\.com|X-Infomaniak-Spam:).*\(stand-in\)$/ DUNNO
/^(Authentication-Results:\s*mx\.infomaniak\.com|X-Infomaniak-Spam:)/ IGNORE
"""


def apply(state: State, restart: bool = True) -> None:
    """Bring Dovecot and Postfix in line with the switches; open IMAP sessions end."""
    idle = state.get("idle")
    capability = _IMAP if idle == "off" else f"{_IMAP} IDLE"
    Path("/etc/dovecot/switches.conf").write_text(
        f"imap_capability = {capability}\n"
        f"imap_hibernate_timeout = {2 if idle == 'hibernate' else 0}s\n"
        f"protocol imap {{\n  mail_max_userip_connections = {state.get('imap_connections')}\n}}\n"
    )
    limit = f"smtpd_client_connection_count_limit={state.get('smtp_connections')}"
    verdict = _VERDICTS.get(state.get("verdict"))
    Path("/etc/postfix/verdict").write_text(f"/^/ PREPEND {verdict}\n" if verdict else "")
    Path("/etc/postfix/forged_verdicts").write_text(_REMOVE_FORGED if state.get("forged_verdicts") == "removed" else "")
    subprocess.run(["postconf", "-e", limit, "smtpd_client_event_limit_exceptions="], check=True)
    if restart:
        subprocess.run(["doveadm", "reload"], check=True)
        subprocess.run(["doveadm", "kick", "*"], check=False)  # nobody logged in is no error
        subprocess.run(["postfix", "reload"], check=True, stderr=subprocess.DEVNULL)
