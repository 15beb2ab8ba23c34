#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""The host's half of `listkit.host.config_files`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: install_files
short_description: Install a set of files in one step
version_added: 0.1.0
description:
  - The part of M(listkit.host.config_files) that runs on the host. Use that module instead.
  - Writes all files next to their destinations, fills in the host's secrets and validates them. Only then moves them
    into place, each with its owner and mode already set.
author: The kit's authors (@listkit)
attributes:
  check_mode:
    support: full
    description: Works on a host that lacks the owners, groups, directories and validators.
  diff_mode:
    support: full
    description: One diff for each file; of a secret file, only that it changes.
options:
  payload:
    description: The manifest, packed.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Install what the action plugin packed
  listkit.host.install_files:
    payload: "{{ packed }}"
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

import base64
import glob
import grp
import os
import pwd
import shlex
import shutil
import stat
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.listkit.host.plugins.module_utils import host_secrets, payload

UNKNOWN_ID = -1
PARENT_MODE = 0o755


class Refusal(Exception):
    """The manifest cannot be installed. No file was replaced."""


class Attributes:
    """Owner, group and mode of a file or directory."""

    def __init__(self, uid, gid, mode):
        self.uid, self.gid, self.mode = uid, gid, mode

    @classmethod
    def wanted(cls, item, tolerant):
        """Return those of the manifest's `item`. `tolerant`: the owner may be missing (check mode on a fresh host)."""
        return cls(
            _number(pwd.getpwnam, "pw_uid", item["owner"], item["path"], tolerant),
            _number(grp.getgrnam, "gr_gid", item["group"], item["path"], tolerant),
            int(item["mode"], 8),
        )

    @classmethod
    def present(cls, path):
        """Return those of `path`, or None if it does not exist."""
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            return None
        return cls(info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode))

    def __eq__(self, other):
        return isinstance(other, Attributes) and vars(self) == vars(other)

    __hash__ = None

    def apply(self, path):
        """Set them on `path`; the mode comes last because chown clears the set-id bits."""
        os.chown(path, self.uid, self.gid)
        Path(path).chmod(self.mode)

    def describe(self):
        """Return them as a line for a diff."""
        return (
            f"owner: {_name(pwd.getpwuid, self.uid)}, group: {_name(grp.getgrgid, self.gid)}, mode: {self.mode:04o}\n"
        )


def _number(lookup, field, name, path, tolerant):
    if name.isdigit():
        return int(name)
    try:
        return getattr(lookup(name), field)
    except KeyError:
        if tolerant:
            return UNKNOWN_ID
        raise Refusal(f"{path}: there is no user or group {name!r} on this host") from None


def _name(lookup, number):
    try:
        return lookup(number)[0]
    except (KeyError, OverflowError):
        return "(does not exist yet)" if number == UNKNOWN_ID else str(number)


class File:
    """One file of the manifest, with its current and its new content."""

    def __init__(self, item, secret_values, tolerant):
        self.path, self.validate = item["path"], item.get("validate")
        self.binary = "data" in item
        names = [] if self.binary else host_secrets.names_in(item["content"])
        self.secret = bool(item["secret"] or names)
        if self.secret and int(item["mode"], 8) & 0o007:
            raise Refusal(
                f"{self.path}: contains a secret, but mode {item['mode']} lets everyone read it; use 0600 or 0640"
            )
        self.new = (
            base64.b64decode(item["data"])
            if self.binary
            else host_secrets.fill(item["content"], secret_values).encode()
        )
        self.attributes = Attributes.wanted(item, tolerant)
        self.present = Attributes.present(self.path)
        if _is_real_directory(self.path):
            raise Refusal(f"{self.path}: is a directory on this host, but a file in the manifest")
        self.old = _regular_content(self.path)

    @property
    def content_changes(self):
        """Whether the bytes differ."""
        return self.old != self.new

    @property
    def changes(self):
        """Whether anything differs."""
        return self.content_changes or self.present != self.attributes

    def diff(self):
        """Return the changes as Ansible displays them."""
        parts = []
        if self.content_changes:
            parts.append(self._content_diff())
        if self.present and self.present != self.attributes:
            parts.append(
                {
                    "before_header": f"{self.path} (attributes)",
                    "after_header": f"{self.path} (attributes)",
                    "before": self.present.describe(),
                    "after": self.attributes.describe(),
                }
            )
        return parts

    def _content_diff(self):
        if self.secret:
            return {"prepared": f"{self.path}: contains a secret; its content is not shown\n"}
        if self.binary:
            return {"prepared": f"{self.path}: binary, {len(self.old or b'')} bytes before, {len(self.new)} after\n"}
        return {
            "before_header": self.path,
            "after_header": f"{self.path} ({self.attributes.describe().strip()})",
            "before": (self.old or b"").decode(errors="replace"),
            "after": self.new.decode(),
        }


def _regular_content(path):
    """Return the bytes at `path`; None if it is missing, or a symbolic link, which is replaced."""
    if Path(path).is_symlink():
        return None
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def _is_real_directory(path):
    return Path(path).is_dir() and not Path(path).is_symlink()


class Directory:
    """One directory of the manifest."""

    def __init__(self, item, tolerant):
        self.path = item["path"]
        self.attributes = Attributes.wanted(item, tolerant)
        self.present = Attributes.present(self.path)
        if self.present and not Path(self.path).is_dir():
            raise Refusal(f"{self.path}: is a file on this host, but a directory in the manifest")

    @property
    def changes(self):
        """Whether it must be created or its attributes changed."""
        return self.present != self.attributes

    def diff(self):
        """Return the change as Ansible displays it."""
        header = f"{self.path} (directory)"
        before = self.present.describe() if self.present else ""
        return [
            {"before_header": header, "after_header": header, "before": before, "after": self.attributes.describe()}
        ]

    def make(self):
        """Create it, or correct its attributes."""
        if not self.present:
            make_parents(Path(self.path))
            Path(self.path).mkdir(mode=0o700)
        self.attributes.apply(self.path)


def make_parents(path):
    """Create the missing directories above `path`, independently of the umask."""
    parent = path.parent
    if not parent.is_dir():
        make_parents(parent)
        parent.mkdir()
        parent.chmod(PARENT_MODE)


def secret_values(module, items, directory):
    """Return the values of all secrets in the manifest. Create those that are missing."""
    names = {name for item in items if "content" in item for name in host_secrets.names_in(item["content"])}
    if module.check_mode:
        return {name: host_secrets.read(name, directory) or host_secrets.PLACEHOLDER for name in names}
    return {name: host_secrets.make(name, directory) for name in names}


class Staging:
    """New files next to their destinations until all are valid; under their own names, which validators may need."""

    def __init__(self, module):
        self._module = module
        self._folders = []

    def stage(self, file):
        """Write `file`'s new bytes; return their path."""
        place = Path(file.path)
        parent = self._module.tmpdir if self._module.check_mode else place.parent
        folder = tempfile.mkdtemp(dir=parent, prefix=".new-")
        self._folders.append(folder)
        path = Path(folder, place.name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(file.new)
            out.flush()
            os.fsync(out.fileno())
        return str(path)

    def clean(self):
        """Remove the files that were not moved into place."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)  # an earlier error is the one to report


def validation_problem(module, file, staged):
    """Return why `file`'s validator refuses its new content, or None."""
    if not file.validate:
        return None
    argv = [word.replace("%s", staged) for word in shlex.split(file.validate)]
    # On a host that has not been deployed yet, the program or the rest of its configuration may be missing.
    if module.check_mode and (file.old is None or not shutil.which(argv[0])):
        return None
    rc, out, err = module.run_command(argv)
    if rc == 0:
        return None
    output = "its output may contain the secret and is not shown" if file.secret else (err or out).strip()
    return f"{file.path}: refused by {file.validate!r} (exit {rc}): {output}"


def install(files, staged):
    """Move the staged files into place. Set the attributes of files whose content is the same."""
    for file in files:
        temporary = staged.get(file.path)
        file.attributes.apply(temporary or file.path)
        if temporary:
            Path(temporary).replace(file.path)
    for folder in sorted({Path(path).parent for path in staged}):
        _sync_directory(folder)


def _sync_directory(path):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def present_of(patterns):
    """Return the existing files that match the `patterns` of paths that must not exist."""
    found = sorted({path for pattern in patterns for path in glob.glob(pattern)})  # noqa: PTH207 -- Path.glob takes no absolute pattern
    for path in found:
        if _is_real_directory(path):
            raise Refusal(f"{path}: is a directory; absent only removes files and links")
    return found


def converge(module, manifest):
    """Converge the host to the manifest; return the module's result."""
    tolerant = module.check_mode
    values = secret_values(module, manifest["files"], manifest["secrets_directory"])
    directories = [item for item in (Directory(item, tolerant) for item in manifest["directories"]) if item.changes]
    files = [item for item in (File(item, values, tolerant) for item in manifest["files"]) if item.changes]
    removed = present_of(manifest["absent"])
    staging = Staging(module)
    try:
        if not module.check_mode:
            for directory in directories:
                directory.make()
            for file in files:
                make_parents(Path(file.path))
        staged = {file.path: staging.stage(file) for file in files if file.content_changes}
        problems = [validation_problem(module, file, staged[file.path]) for file in files if file.path in staged]
        problems = [problem for problem in problems if problem]
        if problems:
            raise Refusal("\n".join(["nothing was replaced:", *problems]))
        if not module.check_mode:
            install(files, staged)
            for path in removed:
                Path(path).unlink()
    finally:
        staging.clean()
    diff = [part for item in [*directories, *files] for part in item.diff()]
    diff += [{"prepared": f"{path}: removed\n"} for path in removed]
    return {
        "changed": bool(directories or files or removed),
        "files": [file.path for file in files] + removed,
        "directories": [directory.path for directory in directories],
        "diff": diff,
    }


def main():
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={"payload": {"type": "str", "required": True, "no_log": True}}, supports_check_mode=True
    )
    try:
        module.exit_json(**converge(module, payload.unpack(module.params["payload"])))
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))


if __name__ == "__main__":
    main()
