# SPDX-License-Identifier: MIT
"""Check the operator's variables against the roles' argument specs, all at once and without a connection."""

from __future__ import annotations

import re
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible_collections.listkit.kit.plugins.plugin_utils import operator_rules, spec_check, topology
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem

ARGUMENTS = {
    "operator": {"type": "str", "default": "site"},
    "roles": {"type": "list", "elements": "str", "default": []},
}
# A name that begins so is meant for the kit. Any other unknown variable is the operator's own affair.
OPERATORS_PREFIXES = ("mail_", "mailman_", "tls_", "acme_")
OPERATORS_EXAMPLE = "mailman_domain: example.org"
ANSIBLES_OWN = frozenset(
    (
        "environment",
        "group_names",
        "groups",
        "hostvars",
        "inventory_dir",
        "inventory_file",
        "inventory_hostname",
        "inventory_hostname_short",
        "omit",
        "play_hosts",
        "playbook_dir",
        "role_names",
        "vars",
    )
)


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Collect the problems; fail with all of them."""
        result = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        roles = self._roles(args["roles"])
        operator = self._role(roles, args["operator"])
        options, wired = self._options(operator), self._wired()
        known = {name: option for role in roles.values() for name, option in self._options(role).items()}
        known = {name: option for name, option in known.items() if name not in wired} | options
        given = set(task_vars["hostvars"][task_vars["inventory_hostname"]])
        wrong, values = self._look_at(operator, known, given, task_vars)
        problems = [
            *topology.problems(task_vars["groups"], task_vars["hostvars"]),
            *_wired_names(given, wired, options),
            *_unknown_names(given - set(wired), known, tuple(f"{role}_" for role in roles)),
            *wrong,
        ]
        # A plan can only be made of values that are all right.
        problems = problems or operator_rules.plan_problems(values)
        result["changed"] = False
        if problems:
            count = "1 value is" if len(problems) == 1 else f"{len(problems)} values are"
            result.update(failed=True, msg="\n".join([f"{count} not right; nothing was changed:", *map(str, problems)]))
        return result

    def _roles(self, names):
        """Return the directories of the roles with argument specs, by name."""
        basedir = Path(self._loader.get_basedir())
        places = [basedir / "roles", basedir.parent / "roles", *map(Path, C.DEFAULT_ROLES_PATH)]
        found = {}
        for place in places:
            for spec in sorted(place.glob("*/meta/argument_specs.yml")):
                found.setdefault(spec.parts[-3], spec.parents[1])
        return {name: self._role(found, name) for name in names} if names else found

    @staticmethod
    def _role(roles, name):
        if name not in roles:
            raise AnsibleActionFail(
                f"there is no role {name} with meta/argument_specs.yml; found are {', '.join(roles)}"
            )
        return roles[name]

    def _options(self, role):
        spec = self._loader.load_from_file(str(role / "meta" / "argument_specs.yml"))
        return spec["argument_specs"]["main"].get("options", {})

    def _defaults(self, role):
        path = role / "defaults" / "main.yml"
        return (self._loader.load_from_file(str(path)) or {}) if path.exists() else {}

    def _wired(self):
        """Return what the plays beside this task give the roles, by name: the templates."""
        plays = self._loader.load_from_file(self._task.get_path().rpartition(":")[0])
        return {name: value for play in plays if "hosts" in play for name, value in play.get("vars", {}).items()}

    def _look_at(self, operator, known, given, task_vars):
        """Return the problems of the variables, and the values of those that are right, by name."""
        options, defaults = self._options(operator), self._defaults(operator)
        problems, good = [], {}
        for name in [*options, *sorted(given & set(known) - set(options))]:
            option = known[name]
            if name not in given and name in defaults:
                value = defaults[name]
                # A default that is derived from another variable is as good as that one.
                derived = isinstance(value, str) and "{{" in value
                good.update({} if derived else {name: value})
            elif name in task_vars:
                wrong, value = self._value_problems(name, task_vars[name], option, literal=name not in options)
                problems += wrong
                good.update({} if any(problem.variable == name for problem in wrong) else {name: value})
            elif option.get("required"):
                problems.append(Problem(name, "is missing", spec_check.example(option)))
        values = {name: good[name] for name in options if name in good}
        return problems + operator_rules.problems_of(values), values

    def _value_problems(self, name, raw, option, literal):
        """Return the problems of one variable, and its value."""
        try:
            value = self._templar.template(raw)
        except AnsibleError as error:
            return [Problem(name, _template_problem(error, option), spec_check.example(option))], None
        return spec_check.check(name, value, option, literal=literal), value


def _template_problem(error, option):
    """Return why a template cannot be evaluated; only an undefined name is safe to show of a secret."""
    if isinstance(error, AnsibleUndefinedVariable) or not option.get("no_log"):
        return f"cannot be worked out: {error.message}"
    return "cannot be worked out: its template or its vault fails"


def _wired_names(given, wired, options):
    """Yield the names that the plays overrule; where it is evident, with the operator's name that each is made from."""
    for name in sorted(given & set(wired)):
        sources = [option for option in options if re.search(rf"\b{option}\b", str(wired[name]))]
        sources = sources or [option for option in options if name.endswith(f"_{option}")]
        if sources:
            example = f"{sources[0]}: {spec_check.example(options[sources[0]])}"
            yield Problem(name, f"is set from {' and '.join(sources)}: set that instead", example)
        else:
            yield Problem(
                name, "is set by the kit; docs/reference/variables.md has the names that are yours", OPERATORS_EXAMPLE
            )


def _unknown_names(given, known, role_prefixes):
    for name in sorted(given - set(known) - ANSIBLES_OWN):
        if name.startswith("ansible_"):
            continue
        close = spec_check.suggestion(name, known)
        if close:
            yield Problem(name, f"is unknown; did you mean {close}?", f"{close}: {spec_check.example(known[close])}")
        elif name.startswith((*OPERATORS_PREFIXES, *role_prefixes)):
            yield Problem(name, "is unknown; docs/reference/variables.md has all names", OPERATORS_EXAMPLE)
