# SPDX-License-Identifier: MIT
"""Render a directory of templates and install it in one remote execution."""

from __future__ import annotations

import base64
from fnmatch import fnmatch
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.listkit.host.plugins.module_utils import host_secrets, payload
from ansible_collections.listkit.host.plugins.plugin_utils import zipapp

SECRET_MODE = "0600"  # noqa: S105 -- a file mode
FILE_KEYS = {"owner", "group", "mode", "validate", "secret", "when", "path"}
ATTRIBUTE_KEYS = {"owner", "group", "mode"}

LIST_OF_DICTS = {"type": "list", "elements": "dict", "default": []}
LIST_OF_STRINGS = {"type": "list", "elements": "str", "default": []}
ARGUMENTS = {
    "src": {"type": "str", "default": "templates"},
    "dest": {"type": "path", "default": "/"},
    "include": {"type": "list", "elements": "str", "default": ["*"]},
    "exclude": LIST_OF_STRINGS,
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
    "files": {"type": "dict", "default": {}},
    "copies": LIST_OF_DICTS,
    "zipapps": LIST_OF_DICTS,
    "directories": LIST_OF_DICTS,
    "absent": LIST_OF_STRINGS,
    "secrets_directory": {"type": "path", "default": host_secrets.DIRECTORY},
}


class ActionModule(ActionBase):
    """The controller's part; `install_files` is the host's."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Render, pack, install."""
        result = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        base = Path(task_vars.get("role_path") or task_vars["playbook_dir"])
        manifest = {
            "files": [
                *self._rendered(base / args["src"], args, task_vars),
                *(self._copy(item, base, args) for item in args["copies"]),
                *(_zipapp(item, base, args) for item in args["zipapps"]),
            ],
            "directories": [_directory(item) for item in args["directories"]],
            "absent": args["absent"],
            "secrets_directory": args["secrets_directory"],
        }
        _refuse_duplicates(manifest["files"])
        result.update(
            self._execute_module(
                module_name="listkit.host.install_files",
                module_args={"payload": payload.pack(manifest)},
                task_vars=task_vars,
            )
        )
        result.pop("invocation", None)
        return result

    def _rendered(self, root, args, task_vars):
        overrides = {path: _checked(path, item, FILE_KEYS) for path, item in args["files"].items()}
        sources = {str(Path(args["dest"], name)): root / source for name, source in _templates(root)}
        unknown = sorted(set(overrides) - set(sources))
        if unknown:
            raise AnsibleActionFail(f"files: {', '.join(unknown)}: there is no such template under {root}")
        for path, source in sources.items():
            override = overrides.get(path, {})
            if boolean(override.get("when", True)) and _selected(path, args):
                yield self._file(path, self._text(source, root, task_vars), override, args)

    def _text(self, source, root, task_vars):
        text = self._loader.get_text_file_contents(str(source))
        if source.suffix != ".j2":
            return text
        searchpath = [str(root), *task_vars.get("ansible_search_path", [])]
        variables = {"ansible_managed": _managed(source, root), **task_vars}
        templar = self._templar.copy_with_new_env(searchpath=searchpath, available_variables=variables)
        try:
            rendered = templar.template(
                trust_as_template(text),
                escape_backslashes=False,
                overrides={"trim_blocks": True, "lstrip_blocks": False},
            )
        except Exception as error:
            raise AnsibleActionFail(f"{source}: {error}") from error
        return "" if rendered is None else str(rendered)

    @staticmethod
    def _file(path, text, override, args):
        secret = boolean(override.get("secret", False)) or bool(host_secrets.names_in(text))
        return {
            "path": override.get("path", path),
            "content": text,
            "secret": secret,
            "validate": override.get("validate"),
            **_attributes(override, args, SECRET_MODE if secret else args["mode"]),
        }

    def _copy(self, item, base, args):
        _checked("copies", item, {"src", "path", "secret", *ATTRIBUTE_KEYS}, ("src", "path"))
        source = base / item["src"]
        if not source.is_file():
            raise AnsibleActionFail(f"copies: there is no file {source}")
        # Decrypts a file that the operator keeps in a vault.
        data = Path(self._loader.get_real_file(str(source))).read_bytes()
        return _binary(item["path"], data, item, args, SECRET_MODE if item.get("secret") else args["mode"])


def _templates(root):
    """Yield (path on the host without the leading slash, source) of each template, sorted."""
    if not root.is_dir():
        return
    for source in sorted(path for path in root.rglob("*") if path.is_file()):
        name = source.relative_to(root)
        yield str(name).removesuffix(".j2"), name


def _selected(path, args):
    return any(fnmatch(path, pattern) for pattern in args["include"]) and not any(
        fnmatch(path, pattern) for pattern in args["exclude"]
    )


def _managed(source, root):
    """Return a file's note on its origin: where to change it, without anything that differs between runs."""
    name = source.relative_to(root.parent.parent)
    return f"Managed by Ansible: change roles/{name} in the kit instead."


def _checked(where, item, allowed, required=()):
    if not isinstance(item, dict):
        raise AnsibleActionFail(f"{where}: must be a dictionary, not {item!r}")
    unknown = sorted(set(item) - allowed)
    missing = sorted(set(required) - set(item))
    if unknown or missing:
        raise AnsibleActionFail(f"{where}: unknown {unknown}, missing {missing}; valid are {sorted(allowed)}")
    return item


def _attributes(item, defaults, mode):
    mode = str(item.get("mode", mode))
    if not mode.isdigit() or not 3 <= len(mode) <= 4 or set(mode) & set("89"):
        raise AnsibleActionFail(
            f"{item.get('path', '')}: mode {mode!r} is not a string of octal digits, such as '0640'"
        )
    return {
        "owner": str(item.get("owner", defaults["owner"])),
        "group": str(item.get("group", defaults["group"])),
        "mode": mode,
    }


def _binary(path, data, item, args, mode):
    return {
        "path": path,
        "data": base64.b64encode(data).decode(),
        "secret": boolean(item.get("secret", False)),
        "validate": None,
        **_attributes(item, args, mode),
    }


def _zipapp(item, base, args):
    known = {"src", "path", "main", "interpreter", "libraries", *ATTRIBUTE_KEYS}
    _checked("zipapps", item, known, ("src", "path", "main"))
    interpreter = item.get("interpreter", "/usr/bin/python3 -I")
    libraries = {name: (base / root).resolve() for name, root in item.get("libraries", {}).items()}
    try:
        data = zipapp.build((base / item["src"]).resolve(), item["main"], interpreter, libraries)
    except ValueError as error:
        raise AnsibleActionFail(f"zipapps: {error}") from error
    return _binary(item["path"], data, item, args, "0755")


def _directory(item):
    _checked("directories", item, {"path", *ATTRIBUTE_KEYS}, ("path",))
    return {"path": item["path"], **_attributes(item, {"owner": "root", "group": "root"}, "0755")}


def _refuse_duplicates(files):
    paths = [item["path"] for item in files]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise AnsibleActionFail(f"two sources for {', '.join(twice)}")
