#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation of the action `listkit.host.config_files`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Install a role's configuration files in one step
version_added: 0.1.0
description:
  - Renders every file under the role's C(templates/) and installs it at the same path on the host, so that
    C(templates/etc/postfix/main.cf.j2) becomes C(/etc/postfix/main.cf). Files without the suffix C(.j2) are installed
    as they are.
  - Takes one remote execution, whatever the number of files.
  - Validates all changed files before it replaces any. Each is complete on disk, with its owner and mode, before it
    takes its place.
  - A template may hold secrets that are made on the host, see P(listkit.host.host_secret#filter).
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Works on a host that lacks the owners, groups, directories and validators.
  diff_mode:
    support: full
    description: One diff a file; secret files show that they change, and nothing else.
options:
  src:
    description: Directory of templates; relative to the role, or to the playbook outside a role.
    type: str
    default: templates
  dest:
    description: Directory on the host that corresponds to O(src). Paths in other options are not affected by it.
    type: path
    default: /
  include:
    description:
      - Only templates whose path on the host matches one of these shell patterns; C(*) matches slashes too.
      - For a role that installs some files before its packages and the others after them.
    type: list
    elements: str
    default: ["*"]
  exclude:
    description: Not the templates whose path on the host matches one of these.
    type: list
    elements: str
    default: []
  owner:
    description: Owner of the files, where O(files) names no other.
    type: str
    default: root
  group:
    description: Group of the files, where O(files) names no other.
    type: str
    default: root
  mode:
    description: Mode of the files, where O(files) names no other; a string of octal digits.
    type: str
    default: "0644"
  files:
    description:
      - What is particular about single files. The key is the path on the host; the value takes V(owner), V(group),
        V(mode) and
      - V(validate), a command that checks the file, with C(%s) in the place of its path, run without a shell;
      - V(secret), true when the file holds a secret of the operator's - it is then 0600 by default, never shown, and
        refused with a mode that lets everybody read it;
      - V(when), false to leave the file as it is on the host;
      - V(path), the path on the host where that depends on a variable.
    type: dict
    default: {}
  copies:
    description: Files that are copied byte by byte; each takes V(src) on the controller, V(path), V(owner), V(group),
      V(mode), and V(secret), which works as in O(files). A file from a vault arrives decrypted.
    type: list
    elements: dict
    default: []
  zipapps:
    description:
      - Python packages that become one executable file each, the same bytes every time; each takes V(src), the
        package's directory,
        V(path), V(main) as C(module:function), V(interpreter) (default C(/usr/bin/python3 -I)), V(owner), V(group) and
        V(mode) (default 0755).
    type: list
    elements: dict
    default: []
  directories:
    description: Directories with V(path), V(owner), V(group) and V(mode) (default 0755). Other missing parents are
      made root's, 0755.
    type: list
    elements: dict
    default: []
  absent:
    description: Paths of files that must not exist; shell patterns are allowed.
    type: list
    elements: str
    default: []
  secrets_directory:
    description: Where the host keeps the secrets that it made.
    type: path
    default: /etc/listkit/secrets
"""

EXAMPLES = r"""
- name: Configure Postfix
  listkit.host.config_files:
    files:
      /etc/sudoers.d/lists:
        mode: "0440"
        validate: /usr/sbin/visudo -cf %s
      /etc/postfix/sasl/password:
        secret: true
  register: relay_tree

- name: Install the kit's own programs
  listkit.host.config_files:
    zipapps:
      - src: ../../src/listkit
        path: /usr/local/lib/listkit/listkit.pyz
        main: listkit.cli:main
    directories:
      - {path: /var/lib/listkit, owner: list, group: list, mode: "0750"}
    absent:
      - /etc/mailman3/*.ucf-dist

- name: Reload what changed
  listkit.host.systemd_units:
    restarted: "{{ ['postfix.service'] if '/etc/postfix/main.cf' in relay_tree.files else [] }}"
"""

RETURN = r"""
files:
  description: Paths of the files that were written, changed or removed.
  type: list
  elements: str
  returned: always
directories:
  description: Paths of the directories that were made or changed.
  type: list
  elements: str
  returned: always
"""
