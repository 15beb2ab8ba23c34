# SPDX-License-Identifier: MIT
"""Check the operator's variables against the argument specs of the roles, all at once and without a connection."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleTemplateSyntaxError, AnsibleUndefinedVariable
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.action import ActionBase
from ansible.template import is_trusted_as_template
from ansible_collections.listkit.kit.plugins.plugin_utils import (
    operator_rules,
    spec_check,
    topology,
    variable_names,
)
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import VAULT_EXAMPLE, VAULT_PROBLEM, Problem, listing
from jinja2 import Environment, TemplateSyntaxError

ARGUMENTS = {
    "operator": {"type": "str", "default": "site"},
    "roles": {"type": "list", "elements": "str", "default": []},
}
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
        operators, wired = self._options(operator), self._wired()
        options = {name: option for role in roles.values() for name, option in self._options(role).items()}
        known = {name: option for name, option in options.items() if name not in wired} | operators
        given = set(task_vars["hostvars"][task_vars["inventory_hostname"]])
        wrong, values = self._look_at(operator, known, given, task_vars)
        unwired = {name for name in given - set(wired) - ANSIBLES_OWN if not name.startswith("ansible_")}
        problems = [
            *topology.problems(task_vars["groups"], task_vars["hostvars"]),
            *topology.shared_mailboxes(_mailboxes(task_vars["groups"], task_vars["hostvars"])),
            *_wired_names(given & options.keys(), wired, operators),
            *variable_names.problems(unwired, operators, known, tuple(f"{role}_" for role in roles)),
            *wrong,
        ]
        # Only valid values can be planned with.
        problems = problems or operator_rules.plan_problems(values)
        result["changed"] = False
        if problems:
            result.update(failed=True, msg=listing(problems))
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
            raise AnsibleActionFail(f"there is no role {name} with meta/argument_specs.yml; found: {', '.join(roles)}")
        return roles[name]

    def _options(self, role):
        (spec,) = self._loader.load_from_file(str(role / "meta" / "argument_specs.yml"))["argument_specs"].values()
        return spec.get("options", {})

    def _defaults(self, role):
        path = role / "defaults" / "main.yml"
        return (self._loader.load_from_file(str(path)) or {}) if path.exists() else {}

    def _wired(self):
        """Return the variables that the plays of this task's file set for the roles, by name: their templates."""
        plays = self._loader.load_from_file(self._task.get_path().rpartition(":")[0])
        return {name: value for play in plays if "hosts" in play for name, value in play.get("vars", {}).items()}

    def _look_at(self, operator, known, given, task_vars):
        """Return the problems of the variables, and the values of those that are valid, by name."""
        options, defaults = self._options(operator), self._defaults(operator)
        problems, good = [], {}
        for name in [*options, *sorted(given & set(known) - set(options))]:
            option = known[name]
            if name not in given and name in defaults:
                value = defaults[name]
                # A default that is made from another variable is as valid as that one.
                derived = isinstance(value, str) and "{{" in value
                good.update({} if derived else {name: value})
            elif name in task_vars:
                wrong, value = self._value_problems(name, task_vars[name], option, literal=name not in options)
                problems += wrong
                good.update({} if any(problem.variable == name for problem in wrong) else {name: value})
            elif option.get("required"):
                problems.append(Problem(name, "is missing", spec_check.example(name, option)))
        return problems + operator_rules.problems_of(good), {name: good[name] for name in options if name in good}

    def _value_problems(self, name, raw, option, literal):
        """Return the problems of one variable, and its value."""
        if _has_comment(raw):
            wrong = "contains {#, which starts a comment in Ansible; write it as {{ '{#' }}"
            return [Problem(name, wrong, spec_check.example(name, option))], None
        try:
            value = self._templar.template(raw)
        except AnsibleError as error:
            return [_template_problem(name, error, option)], None
        return spec_check.check(name, value, option, literal=literal), value


def _has_comment(raw):
    """Return whether a template in `raw` has a comment, which disappears when it is evaluated."""
    if isinstance(raw, Mapping):
        return any(map(_has_comment, raw.values()))
    if isinstance(raw, list):
        return any(map(_has_comment, raw))
    if not isinstance(raw, str) or not is_trusted_as_template(raw):
        return False
    # A comment without an end is an error of the template.
    with contextlib.suppress(TemplateSyntaxError):
        return any(kind == "comment_begin" for _line, kind, _text in Environment(autoescape=True).lex(raw))
    return False


def _template_problem(name, error, option):
    """Return why a template cannot be evaluated, without a part of a secret."""
    # The class of the error with a single encrypted value is private.
    if any(isinstance(cause, AnsibleVaultError) or "undecryptable variable" in str(cause) for cause in _causes(error)):
        return Problem(name, VAULT_PROBLEM, VAULT_EXAMPLE)
    shown = "" if option.get("no_log") and not isinstance(error, AnsibleUndefinedVariable) else f": {error.message}"
    if isinstance(error, AnsibleTemplateSyntaxError):
        wrong = f"is not a valid template; write a literal {{{{ as {{{{ '{{{{' }}}}{shown}"
    else:
        wrong = f"cannot be evaluated{shown or ': its template fails'}"
    return Problem(name, wrong, spec_check.example(name, option))


def _causes(error):
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _mailboxes(groups, hostvars):
    """Return the addresses of the mailboxes of each host of Mailman, by variable; without those that are undefined."""
    hosts = groups.get(topology.MAIN_GROUP, [])
    return {host: _mailboxes_of(hostvars[host]) for host in hosts} if len(hosts) > 1 else {}


def _mailboxes_of(variables):
    found = {}
    # Each host's own check reports what can't be evaluated.
    with contextlib.suppress(AnsibleError, KeyError, TypeError):
        found["mail_account"] = [str(variables["mail_account"])]
    with contextlib.suppress(AnsibleError, KeyError, TypeError):
        found["mail_accounts"] = [str(account["address"]) for account in variables["mail_accounts"]]
    return found


def _wired_names(given, wired, options):
    """Yield the names that the plays override, if evident with the operator's variable that each is made from."""
    for name in sorted(given & set(wired)):
        sources = [option for option in options if re.search(rf"\b{option}\b", str(wired[name]))]
        sources = sources or [option for option in options if name.endswith(f"_{option}")]
        if sources:
            example = f"{sources[0]}: {spec_check.example(sources[0], options[sources[0]])}"
            yield Problem(name, f"is set by the kit from {' and '.join(sources)}; set that instead", example)
        else:
            wrong = "is set by the kit; docs/reference/variables.md has the names to set"
            yield Problem(name, wrong, variable_names.EXAMPLE)
