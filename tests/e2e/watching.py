"""What a host has of the canary, the alerts and the status page, which the other tests' hosts don't have."""

from __future__ import annotations

from lab import Host

PAGES = "/var/lib/listkit/status-pages"
_UNITS = "listkit-canary.timer listkit-alert.timer"
_FILES = (
    "/etc/listkit/canary.json /etc/listkit/alert.json /etc/listkit/secrets/alert_* /etc/listkit/check.d/canary.json"
    " /etc/listkit/check.d/alert.json /etc/systemd/system/listkit-canary.* /etc/systemd/system/listkit-alert.*"
    " /etc/systemd/system/listkit-inspection.*"
    f" /var/lib/listkit/canary /var/lib/listkit/alert /var/lib/listkit/status {PAGES}"
    " /run/listkit-canary /run/listkit-alert /run/listkit-inspection"
)


def pause(host: Host) -> None:
    """Have nothing run by itself: the timer of the alerts is due at once."""
    host.run("systemctl stop listkit-alert.timer listkit-alert.service")
    host.run("systemctl reset-failed listkit-alert.service")


def stop(host: Host) -> None:
    """Disable the timers. After a deployment that failed, they may not be there."""
    host.try_run(f"systemctl disable --now {_UNITS}")


def remove(host: Host) -> None:
    """Remove everything of them."""
    host.run(f"rm -rf {_FILES}; systemctl daemon-reload")
