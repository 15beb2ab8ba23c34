#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Bring a set of systemd units to their states in one remote execution."""

from __future__ import annotations

DOCUMENTATION = r"""
module: systemd_units
short_description: Enable, start, restart and stop systemd units in one step
version_added: 0.1.0
description:
  - Manages any number of units with one remote execution and one C(systemctl) call for each kind of change.
  - Reloads systemd's configuration when the file of a unit has changed on disk, or that of a service that a timer,
    socket or path unit activates.
  - Fails if a unit does not start, with the end of its journal in the message.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Assumes that a unit that does not exist yet will be installed, enabled and started.
  diff_mode:
    support: full
options:
  enabled:
    description: Units to start now and at boot.
    type: list
    elements: str
    default: []
  disabled:
    description: Units to stop, and not to start at boot. They may be missing. If one of them has failed, or a unit that
      one of them triggers, such as the service of a timer, systemd forgets the failure.
    type: list
    elements: str
    default: []
  masked:
    description: Units to stop and mask.
    type: list
    elements: str
    default: []
  restarted:
    description: Units to restart, unless this call starts them.
    type: list
    elements: str
    default: []
  reloaded:
    description: Units to reload, unless this call starts or restarts them.
    type: list
    elements: str
    default: []
  watch:
    description:
      - Files that a unit reads when it starts, by unit. Shell patterns are allowed.
      - A running unit is restarted if one of its files was written after it started. So a run repairs an earlier one
        that was interrupted before the restart.
      - A unit with such files that has failed is started; so is the instance of a template behind a unit in O(enabled).
    type: dict
    default: {}
  changed:
    description: Files that were changed in this run, as M(listkit.host.config_files) returns them. Check mode needs
      them to predict restarts.
    type: list
    elements: str
    default: []
  timeout:
    description: Time limit of each C(systemctl) call, in seconds.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Run Mailman
  listkit.host.systemd_units:
    enabled: [mailman3.service, listkit-digests.timer]
    disabled: [mailman3-web.service]
    watch:
      mailman3.service: [/etc/mailman3/mailman.cfg]
    changed: "{{ core_files.files }}"

- name: Restart when a file has changed
  listkit.host.systemd_units:
    enabled: [postfix.service]
    restarted: "{{ ['postfix.service'] if relay_files.files else [] }}"
"""

RETURN = r"""
started:
  description: Units that were started.
  type: list
  elements: str
  returned: always
restarted:
  description: Units that were restarted.
  type: list
  elements: str
  returned: always
stopped:
  description: Units that were stopped.
  type: list
  elements: str
  returned: always
"""

import glob
import time
from fnmatch import fnmatch
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

PROPERTIES = (
    "Id,Names,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,InactiveExitTimestampMonotonic,Triggers"
)
# Answers of `systemctl is-enabled` that count as enabled: a unit without an [Install] section has nothing to enable.
STARTS_AT_BOOT = {"enabled", "static", "alias", "generated", "indirect", "transient"}
JOURNAL_LINES = 25
UNITS_OPTIONS = ("enabled", "disabled", "masked", "restarted", "reloaded")


class Failure(Exception):
    """systemd refused, or a unit did not start."""


class Unit:
    """The state of one unit."""

    def __init__(self, name, properties):
        self.name = name
        self.exists = properties.get("LoadState") != "not-found"
        self.masked = properties.get("LoadState") == "masked"
        self.active = properties.get("ActiveState") in ("active", "reloading", "activating")
        self.failed = properties.get("ActiveState") == "failed" or properties.get("SubState") == "auto-restart"
        self.at_boot = properties.get("UnitFileState") in STARTS_AT_BOOT
        self.needs_reload = properties.get("NeedDaemonReload") == "yes"
        self.triggers = properties.get("Triggers", "").split()
        self.started_at = _wall_clock(int(properties.get("InactiveExitTimestampMonotonic") or 0))

    def describe(self):
        """Return one line for a diff."""
        if not self.exists:
            return f"{self.name}: does not exist"
        boot = "masked" if self.masked else "enabled" if self.at_boot else "disabled"
        return f"{self.name}: {boot}, {'running' if self.active else 'stopped'}"


def _wall_clock(monotonic_microseconds):
    """Return the time of day, in seconds since 1970, at which the monotonic clock showed this."""
    return time.time() - time.monotonic() + monotonic_microseconds / 1e6


class Systemd:
    """The commands of systemctl."""

    def __init__(self, module):
        self._module = module

    def show(self, names):
        """Return the units called `names`, by name."""
        if not names:
            return {}
        text = self._run("show", f"--property={PROPERTIES}", *names)
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
        return {name: Unit(name, block) for name, block in zip(names, blocks, strict=True)}

    def call(self, verb, names):
        """Run `systemctl VERB NAMES`; raise Failure with the journals of the failed units."""
        if names:
            rc, _out, err = self._systemctl(verb, *names)
            if rc:
                raise Failure(self._explain(f"systemctl {verb} {' '.join(names)} failed: {err.strip()}", names))

    def daemon_reload(self):
        """Make systemd read its files again."""
        self._run("daemon-reload")

    def require_running(self, names):
        """Raise Failure if one of `names` has not started."""
        units = self.show(names)
        dead = [name for name, unit in units.items() if unit.failed or not unit.exists]
        if dead:
            raise Failure(self._explain(f"did not start: {', '.join(dead)}", dead))

    def _explain(self, headline, names):
        suspects = [name for name, unit in self.show(names).items() if unit.failed or not unit.active]
        return "\n\n".join([headline, *(f"{name}:\n{self._journal(name)}" for name in suspects)])

    def _journal(self, name):
        command = ["journalctl", "--no-pager", "--output=short", f"--lines={JOURNAL_LINES}", f"--unit={name}"]
        return self._module.run_command(command)[1].strip()

    def _systemctl(self, *arguments):
        limit = str(self._module.params["timeout"])
        return self._module.run_command(["timeout", limit, "systemctl", "--no-ask-password", *arguments])

    def _run(self, *arguments):
        rc, out, err = self._systemctl(*arguments)
        if rc:
            raise Failure(f"systemctl {' '.join(arguments)} failed: {err.strip()}")
        return out


def written_since(moment, patterns):
    """Return whether a file that matches one of `patterns` was written after `moment` (seconds since 1970)."""
    paths = (Path(path) for pattern in patterns for path in glob.glob(pattern))  # noqa: PTH207 -- Path.glob takes no absolute pattern
    return any(path.stat().st_ctime > moment for path in paths)


def reads_changed_file(unit, patterns, changed):
    """Return whether `unit` runs with an older version of a file that it reads."""
    just_changed = any(fnmatch(path, pattern) for pattern in patterns for path in changed)
    return unit.active and (just_changed or written_since(unit.started_at, patterns))


def _failed_without_use(params, units, triggered):
    """Return the failed units that `params` disables, and those that only they trigger."""
    unused = [units[name] for name in params["disabled"] + params["masked"]]
    behind = [triggered[name] for unit in unused for name in unit.triggers if name in triggered]
    return list(dict.fromkeys(unit.name for unit in [*unused, *behind] if unit.failed and not unit.active))


class Plan:
    """The changes from the current to the desired states."""

    def __init__(self, params, units, triggered):
        self.stop = [name for name in params["disabled"] + params["masked"] if units[name].active]
        self.disable = [name for name in params["disabled"] if units[name].exists and units[name].at_boot]
        self.forget = _failed_without_use(params, units, triggered)
        self.mask = [name for name in params["masked"] if not units[name].masked]
        self.unmask = [name for name in params["enabled"] if units[name].masked]
        self.enable = [name for name in params["enabled"] if not units[name].at_boot]
        self.start = [name for name in params["enabled"] if units[name].failed or not units[name].active]
        others = params["watch"].keys() - {*params["enabled"], *params["disabled"], *params["masked"]}
        self.start += sorted(name for name in others if units[name].failed and params["watch"][name])
        stale = [
            name
            for name, patterns in params["watch"].items()
            if reads_changed_file(units[name], patterns, params["changed"])
        ]
        gone = {*self.start, *params["disabled"], *params["masked"]}
        self.restart = [name for name in dict.fromkeys(params["restarted"] + stale) if name not in gone]
        self.reload = [name for name in params["reloaded"] if name not in gone and name not in self.restart]

    @property
    def changes(self):
        """Whether anything changes."""
        return any(vars(self).values())

    def carry_out(self, systemd):
        """Make the changes. Stop first: a stopped unit may hold a port that another one needs."""
        for verb in ("stop", "disable", "mask", "unmask", "enable"):
            systemd.call(verb, getattr(self, verb))
        systemd.call("reset-failed", self.forget)
        if self.start or self.restart:
            systemd.call("reset-failed", self.start)
        for verb in ("start", "restart", "reload"):
            systemd.call(verb, getattr(self, verb))
        systemd.require_running(self.start + self.restart)

    def describe(self):
        """Return one line for each unit that changes."""
        verbs = vars(self)
        names = dict.fromkeys(name for touched in verbs.values() for name in touched)
        return "".join(
            f"{name}: {', '.join(verb for verb, touched in verbs.items() if name in touched)}\n" for name in names
        )


def converge(module, systemd):
    """Converge the units; return the module's result."""
    params = module.params
    names = list(dict.fromkeys([*(name for option in UNITS_OPTIONS for name in params[option]), *params["watch"]]))
    units = systemd.show(names)
    needed = {*params["enabled"], *params["restarted"], *params["reloaded"]}
    triggered = systemd.show(sorted({name for unit in units.values() for name in unit.triggers} - set(names)))
    stale = any(unit.needs_reload for unit in [*units.values(), *triggered.values()])
    if stale or any(not units[name].exists for name in needed):
        if not module.check_mode:
            systemd.daemon_reload()
        units = systemd.show(names)
    missing = sorted(name for name in needed if not units[name].exists)
    if missing and not module.check_mode:
        raise Failure(f"there is no unit {', '.join(missing)} on this host")
    plan = Plan(params, units, triggered)
    if plan.changes and not module.check_mode:
        plan.carry_out(systemd)
    return {
        "changed": plan.changes,
        "started": plan.start,
        "restarted": plan.restart,
        "stopped": plan.stop,
        "diff": {"prepared": plan.describe()} if plan.changes else {},
    }


def main():
    """Ansible's entry point."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(UNITS_OPTIONS, names),
            "watch": {"type": "dict", "default": {}},
            "changed": names,
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**converge(module, Systemd(module)))
    except Failure as failure:
        module.fail_json(msg=str(failure))


if __name__ == "__main__":
    main()
