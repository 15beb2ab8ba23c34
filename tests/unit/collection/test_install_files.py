"""The host's half of listkit.host.config_files."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.listkit.host.plugins.module_utils import host_secrets
from ansible_collections.listkit.host.plugins.modules import install_files
from ansible_collections.listkit.host.plugins.modules.install_files import Refusal, converge

ME = {"owner": str(os.getuid()), "group": str(os.getgid())}


def file(path: Path, content: str = "new\n", **more) -> dict:
    return {"path": str(path), "content": content, "secret": False, "validate": None, "mode": "0644", **ME, **more}


def manifest(tmp_path: Path, *files: dict, directories=(), absent=()) -> dict:
    return {
        "files": list(files),
        "directories": list(directories),
        "absent": [str(path) for path in absent],
        "secrets_directory": str(tmp_path / "listkit" / "secrets"),
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def module(fake_module):
    return fake_module()


@pytest.fixture
def checking(fake_module):
    return fake_module(check_mode=True)


def test_new_file_gets_parents_mode_and_a_diff(tmp_path, module):
    path = tmp_path / "etc" / "foo" / "a.conf"
    result = converge(module, manifest(tmp_path, file(path, mode="0640")))
    assert path.read_text() == "new\n"
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o640, 0o755, 0o755)
    assert result["changed"] and result["files"] == [str(path)]
    assert result["diff"][0]["before"] == "" and result["diff"][0]["after"] == "new\n"


def test_second_run_changes_nothing(tmp_path, module):
    wanted = manifest(tmp_path, file(tmp_path / "a"), directories=[{"path": str(tmp_path / "d"), "mode": "0750", **ME}])
    converge(module, wanted)
    assert converge(module, wanted) == {"changed": False, "files": [], "directories": [], "diff": []}


def test_only_the_mode_differs(tmp_path, module):
    path = tmp_path / "a"
    path.write_text("new\n")
    path.chmod(0o600)
    before = path.stat().st_ino
    result = converge(module, manifest(tmp_path, file(path)))
    assert mode(path) == 0o644 and path.stat().st_ino == before
    assert "mode: 0600" in result["diff"][0]["before"] and "mode: 0644" in result["diff"][0]["after"]


def test_no_file_is_replaced_when_one_is_invalid(tmp_path, module):
    good, bad = tmp_path / "a_good", tmp_path / "bad"
    good.write_text("old\n")
    with pytest.raises(Refusal, match=r"nothing was replaced:\n.*bad: refused by '/bin/grep -q right %s' \(exit 1\)"):
        converge(module, manifest(tmp_path, file(good), file(bad, validate="/bin/grep -q right %s")))
    assert good.read_text() == "old\n"
    assert not bad.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_good"], "staged files were left behind"


def test_all_problems_are_named(tmp_path, module):
    files = [file(tmp_path / name, validate="/bin/false %s") for name in ("one", "two")]
    with pytest.raises(Refusal, match=r"(?s)one: refused.*two: refused"):
        converge(module, manifest(tmp_path, *files))


def test_validator_sees_the_files_own_name(tmp_path, module):
    converge(module, manifest(tmp_path, file(tmp_path / "x.service", validate="/usr/bin/test -f %s")))
    assert Path(module.commands[0][-1]).name == "x.service"


def test_validators_output_is_hidden_for_a_secret(tmp_path, module):
    item = file(tmp_path / "s", "hunter2!\n", mode="0600", secret=True, validate="/bin/sh -c 'cat %s; exit 1'")
    with pytest.raises(Refusal) as error:
        converge(module, manifest(tmp_path, item))
    assert "hunter2!" not in str(error.value)


def test_secret_file_that_everybody_can_read_is_refused(tmp_path, module):
    with pytest.raises(Refusal, match="lets everyone read it; use 0600 or 0640"):
        converge(module, manifest(tmp_path, file(tmp_path / "s", secret=True)))


def test_secret_content_stays_out_of_the_diff(tmp_path, module):
    result = converge(module, manifest(tmp_path, file(tmp_path / "s", "hunter2!\n", mode="0600", secret=True)))
    assert "hunter2!" not in str(result)
    assert "not shown" in result["diff"][0]["prepared"]


def test_host_secret_is_made_once_and_not_returned(tmp_path, module):
    path = tmp_path / "conf"
    wanted = manifest(tmp_path, file(path, f"key = {host_secrets.marker('api_key')}\n", mode="0640"))
    result = converge(module, wanted)
    kept = tmp_path / "listkit" / "secrets" / "api_key"
    value = kept.read_text()
    assert len(value) == 64 and path.read_text() == f"key = {value}\n"
    assert (mode(kept), mode(kept.parent)) == (0o600, 0o700)
    assert value not in str(result)
    assert not converge(module, wanted)["changed"]


def test_host_secret_is_not_made_in_check_mode(tmp_path, checking):
    path = tmp_path / "conf"
    result = converge(checking, manifest(tmp_path, file(path, host_secrets.marker("api_key"), mode="0600")))
    assert result["changed"]
    assert not path.exists() and not (tmp_path / "listkit").exists()


def test_check_mode_on_a_fresh_host_lacks_owners_directories_and_validators(tmp_path, checking):
    path = tmp_path / "etc" / "deep" / "file"
    item = file(path, owner="nobody-here", group="nobody-here", validate="/no/such/checker %s")
    directory = {"path": str(tmp_path / "d"), "owner": "nobody-here", "group": "nobody-here", "mode": "0755"}
    result = converge(checking, manifest(tmp_path, item, directories=[directory]))
    assert result["files"] == [str(path)] and result["directories"] == [str(tmp_path / "d")]
    assert "owner: (does not exist yet)" in result["diff"][0]["after"]
    assert list(tmp_path.iterdir()) == []


def test_check_mode_validates_what_is_deployed_already(tmp_path, checking):
    path = tmp_path / "a"
    path.write_text("old\n")
    with pytest.raises(Refusal, match="refused"):
        converge(checking, manifest(tmp_path, file(path, validate="/bin/false %s")))
    assert path.read_text() == "old\n"


def test_unknown_owner_is_named_before_anything_changes(tmp_path, module):
    with pytest.raises(Refusal, match="no user or group 'nobody-here'"):
        converge(module, manifest(tmp_path, file(tmp_path / "a"), file(tmp_path / "b", owner="nobody-here")))
    assert not (tmp_path / "a").exists()


def test_mode_is_right_before_the_file_takes_its_place(tmp_path, module, monkeypatch):
    seen = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (seen.append(mode(self)), replace(self, target)))
    converge(module, manifest(tmp_path, file(tmp_path / "s", mode="0600", secret=True)))
    assert seen == [0o600]


def test_file_replaces_a_symbolic_link_and_not_its_target(tmp_path, module):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs\n")
    link.symlink_to(target)
    converge(module, manifest(tmp_path, file(link)))
    assert link.read_text() == "new\n" and not link.is_symlink()
    assert target.read_text() == "theirs\n"


def test_directory_in_the_place_of_a_file(tmp_path, module):
    (tmp_path / "a").mkdir()
    with pytest.raises(Refusal, match="is a directory on this host, but a file in the manifest"):
        converge(module, manifest(tmp_path, file(tmp_path / "a")))


def test_file_in_the_place_of_a_directory(tmp_path, module):
    (tmp_path / "d").write_text("")
    with pytest.raises(Refusal, match="is a file on this host, but a directory in the manifest"):
        converge(module, manifest(tmp_path, directories=[{"path": str(tmp_path / "d"), "mode": "0755", **ME}]))


def test_absent_takes_patterns_and_links_but_no_directories(tmp_path, module):
    (tmp_path / "a.ucf-dist").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    result = converge(
        module, manifest(tmp_path, absent=[tmp_path / "*.ucf-dist", tmp_path / "dangling", tmp_path / "no"])
    )
    assert result["files"] == [str(tmp_path / "a.ucf-dist"), str(tmp_path / "dangling")]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "d").mkdir()
    with pytest.raises(Refusal, match="only removes files and links"):
        converge(module, manifest(tmp_path, absent=[tmp_path / "d"]))


def test_binary_file(tmp_path, module):
    item = file(tmp_path / "b", mode="0755")
    del item["content"]
    item["data"] = base64.b64encode(b"\0\xff").decode()
    result = converge(module, manifest(tmp_path, item))
    assert (tmp_path / "b").read_bytes() == b"\0\xff"
    assert "binary, 0 bytes before, 2 after" in result["diff"][0]["prepared"]


def test_text_is_compared_as_bytes(tmp_path, module):
    (tmp_path / "a").write_bytes(b"\xff not utf-8")
    assert converge(module, manifest(tmp_path, file(tmp_path / "a")))["changed"]


def test_the_argument_is_hidden_from_logs():
    source = Path(install_files.__file__).read_text()
    assert '"payload": {"type": "str", "required": True, "no_log": True}' in source
