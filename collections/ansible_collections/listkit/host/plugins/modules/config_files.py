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
  - Needs one remote execution for any number of files.
  - Validates all changed files before it replaces any. Each is complete on disk, with its owner and mode, before it
    replaces the old one.
  - A template may contain secrets that are created on the host, see P(listkit.host.host_secret#filter).
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Works on a host that lacks the owners, groups, directories and validators.
  diff_mode:
    support: full
    description: One diff for each file; of a secret file, only that it changes.
options:
  src:
    description: Directory of templates, relative to the role, or outside of roles to the playbook.
    type: str
    default: templates
  dest:
    description: Directory on the host that corresponds to O(src). It doesn't apply to paths in other options.
    type: path
    default: /
  include:
    description:
      - Only install templates whose path on the host matches one of these shell patterns; C(*) also matches slashes.
      - For roles that install some files before their packages and the others after them.
    type: list
    elements: str
    default: ["*"]
  exclude:
    description: Don't install templates whose path on the host matches one of these shell patterns.
    type: list
    elements: str
    default: []
  owner:
    description: Owner of the files, unless O(files) says otherwise.
    type: str
    default: root
  group:
    description: Group of the files, unless O(files) says otherwise.
    type: str
    default: root
  mode:
    description: Mode of the files, unless O(files) says otherwise; a string of octal digits.
    type: str
    default: "0644"
  files:
    description:
      - Options of single files. The key is the path on the host; the value may have V(owner), V(group), V(mode) and
      - V(validate), a command that checks the file, with C(%s) instead of its path, run without a shell;
      - V(secret), true if the file contains a secret of the operator - its mode is then 0600 by default and must not
        make it readable by everyone, and its content is never shown;
      - V(when), false to leave the file on the host unchanged;
      - V(path), the path on the host if it depends on a variable.
    type: dict
    default: {}
  copies:
    description: Files that are copied byte by byte; each with V(src) on the controller, V(path), and possibly V(owner),
      V(group), V(mode) and V(secret), which works as in O(files). A file from a vault is decrypted.
    type: list
    elements: dict
    default: []
  zipapps:
    description:
      - Python packages that become one executable file each, reproducibly; each with V(src), the package's directory,
        V(path), V(main) as C(module:function), and possibly V(interpreter) (default C(/usr/bin/python3 -I)), V(owner),
        V(group) and V(mode) (default 0755).
      - V(libraries) are modules and packages that it imports from elsewhere, the dotted name of each with the directory
        of that name's first part.
    type: list
    elements: dict
    default: []
  directories:
    description: Directories with V(path), V(owner), V(group) and V(mode) (default 0755). Other missing parents are
      created for root, with mode 0755.
    type: list
    elements: dict
    default: []
  absent:
    description: Paths of files that must not exist; shell patterns are allowed.
    type: list
    elements: str
    default: []
  secrets_directory:
    description: Directory of the secrets that are created on the host.
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
  register: relay_files

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
    restarted: "{{ ['postfix.service'] if '/etc/postfix/main.cf' in relay_files.files else [] }}"
"""

RETURN = r"""
files:
  description: Paths of the files that were written, changed or removed.
  type: list
  elements: str
  returned: always
directories:
  description: Paths of the directories that were created or changed.
  type: list
  elements: str
  returned: always
"""
