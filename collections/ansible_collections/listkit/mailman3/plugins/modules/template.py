#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""The text of one kind of Mailman's messages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: template
short_description: Manage one template of a list, a domain or the whole site
version_added: 0.1.0
description:
  - Sets the text of one kind of message, such as the welcome message or the footer of posts.
  - A list's template overrides its domain's, a domain's overrides the site's, and these override Mailman's own.
extends_documentation_fragment: [listkit.mailman3.rest, listkit.mailman3.templates]
options:
  name:
    description: The template's name in Mailman, for example V(list:user:notice:welcome).
    type: str
    required: true
  list:
    description: Full address of the list that has it. Without O(list) and O(domain), it is for all lists.
    type: str
  domain:
    description: The domain that has it.
    type: str
  content:
    description:
      - The text, in which Mailman replaces placeholders such as C($listname). It may be empty, to have no footer.
      - One of O(content) and O(uri) is required with O(state=present).
    type: str
  uri:
    description: Where Mailman reads the text instead, a C(file:), C(http:), C(https:) or C(mailman:) URI.
    type: str
  state:
    description: V(absent) removes it, so that the domain's, the site's or Mailman's own text is used.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Welcome new members
  listkit.mailman3.template:
    list: members@example.org
    name: list:user:notice:welcome
    content: |
      Welcome to $display_name!
      You can leave with a mail to $request_email.

- name: Have no footer on any list
  listkit.mailman3.template:
    name: list:member:regular:footer
    content: ''

- name: Use Mailman's own text again
  listkit.mailman3.template:
    list: members@example.org
    name: list:user:notice:welcome
    state: absent
"""

RETURN = r"""#"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.mailman3.plugins.module_utils import rest, rest_module, templates
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change


def converge(module, api):
    """Converge one template."""
    params = module.params
    wanted = {params["name"]: _wanted(params)}
    wrong = templates.problem(wanted, templates.LIST_NAMES if params["list"] else templates.NAMES)
    if wrong:
        raise ValueError(f"{wrong[0]} (for example {wrong[1]})")
    owner = templates.Templates(api, _owner(api, params), params["templates_directory"])
    before, after = owner.converge(wanted, check=module.check_mode)
    where = params["list"] or params["domain"] or "all lists"
    return [Change(f"templates of {where}", before, after)], {}


def _wanted(params):
    if params["state"] == "absent":
        return templates.ABSENT
    return {"uri": params["uri"]} if params["uri"] is not None else params["content"]


def _owner(api, params):
    """Return the path of the list or domain in Mailman's REST interface. Raises ValueError if there is none."""
    if params["list"]:
        return rest.list_path(api, params["list"])
    return rest.domain_path(api, params["domain"]) if params["domain"] else ""


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            **rest.ARGUMENTS,
            **templates.ARGUMENTS,
            "name": {"type": "str", "required": True},
            "list": {"type": "str"},
            "domain": {"type": "str"},
            "content": {"type": "str"},
            "uri": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[("list", "domain"), ("content", "uri")],
        required_if=[("state", "present", ("content", "uri"), True)],
        supports_check_mode=True,
    )
    rest_module.run(module, converge)


if __name__ == "__main__":
    main()
