"""listkit.host.config_files as a role uses it."""

from __future__ import annotations

import os

ME = {"owner": str(os.getuid()), "group": str(os.getgid())}


def install(playbooks, **options) -> list[dict]:
    target = str(playbooks.target)
    arguments = {"dest": target, "secrets_directory": f"{target}/secrets", **ME, **options}
    return [
        {"name": "Install", "listkit.host.config_files": arguments, "register": "out"},
        {"name": "Show", "ansible.builtin.debug": {"msg": "changed files are {{ out.files }}"}},
    ]


def test_renders_and_mirrors(playbooks):
    playbooks.template(
        "etc/a.conf.j2", "{{ ansible_managed | comment }}\nv = {{ value }}\n{% if value %}\nyes\n{% endif %}\n"
    )
    playbooks.template("etc/plain", "{{ not a template }}\n")
    playbooks.template("etc/number.j2", "{{ 42 }}")
    run = playbooks.run(install(playbooks), "-D", variables={"value": 7})
    assert run.returncode == 0, run.output
    etc = playbooks.target / "etc"
    managed = "Managed by Ansible: change roles/demo/templates/etc/a.conf.j2 in the kit instead."
    assert (etc / "a.conf").read_text() == f"#\n# {managed}\n#\nv = 7\nyes\n"
    assert (etc / "plain").read_text() == "{{ not a template }}\n"
    assert (etc / "number").read_text() == "42"
    assert "+v = 7" in run.output
    again = playbooks.run(install(playbooks), "-D", variables={"value": 7})
    assert "changed=0" in again.output and "changed files are []" in again.output


def test_check_mode_shows_and_leaves(playbooks):
    playbooks.template("etc/a.conf.j2", "v = {{ value }}\n")
    run = playbooks.run(install(playbooks), "-C", "-D", variables={"value": 7})
    assert run.returncode == 0 and "+v = 7" in run.output and "changed=1" in run.output
    assert list(playbooks.target.iterdir()) == []


def test_particular_files(playbooks):
    a, b = playbooks.target / "a", playbooks.target / "b"
    playbooks.template("a.j2", "a\n")
    playbooks.template("b.j2", "b\n")
    playbooks.template("c.j2", "c\n")
    files = {str(a): {"mode": "0755"}, str(b): {"when": "{{ 1 > 2 }}"}, str(playbooks.target / "c"): {"path": f"{a}-2"}}
    run = playbooks.run(install(playbooks, files=files))
    assert run.returncode == 0, run.output
    assert os.access(a, os.X_OK)
    assert not b.exists()
    assert (playbooks.target / "a-2").read_text() == "c\n"


def test_include_and_exclude(playbooks):
    for name in ("etc/apt/x", "etc/apt/y", "etc/other"):
        playbooks.template(name, "x\n")
    target = playbooks.target
    run = playbooks.run(install(playbooks, include=[f"{target}/etc/apt/*"], exclude=["*/y"]))
    assert run.returncode == 0, run.output
    assert [str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()] == ["etc/apt/x"]


def test_zipapp_runs_and_is_the_same_every_time(playbooks):
    package = playbooks.folder / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text("def main():\n    print('it runs')\n")
    path = playbooks.target / "pkg.pyz"
    zipapps = [{"src": "../../pkg", "path": str(path), "main": "pkg.cli:main", **ME}]
    run = playbooks.run(install(playbooks, zipapps=zipapps))
    assert run.returncode == 0, run.output
    assert os.popen(str(path)).read() == "it runs\n"  # noqa: S605 -- a path of the test's own
    os.utime(package / "cli.py", (1, 1))
    assert "changed=0" in playbooks.run(install(playbooks, zipapps=zipapps)).output


WRONG = [
    ({"files": {"/no/such": {}}}, "/no/such: there is no such template under"),
    ({"copies": [{"src": "nowhere", "path": "/x"}]}, "copies: there is no file "),
    ({"copies": [{"source": "a"}]}, "unknown ['source'], missing ['path', 'src']"),
    ({"directories": [{"path": "/x", "mode": "u=rwx"}]}, "is not a string of octal digits, such as '0640'"),
    ({"zipapps": [{"src": ".", "path": "/x", "main": "a:b"}]}, "is not a Python package"),
    ({"modes": "0644"}, "modes. Supported parameters include"),
]


def test_wrong_arguments_are_explained(playbooks):
    # One run for all.
    tasks = [
        {**install(playbooks, **options)[0], "ignore_errors": True}  # each is meant to fail
        for options, _message in WRONG
    ]
    run = playbooks.run(tasks)
    assert run.output.count("...ignoring") == len(WRONG), run.output
    for _options, message in WRONG:
        assert message in run.output
    assert list(playbooks.target.iterdir()) == []


def test_two_sources_for_one_path(playbooks):
    playbooks.template("a.j2", "a\n")
    copies = [{"src": "templates/a.j2", "path": str(playbooks.target / "a")}]
    assert "two sources for" in playbooks.run(install(playbooks, copies=copies)).output


def test_undefined_variable_names_the_template(playbooks):
    playbooks.template("etc/a.conf.j2", "{{ nowhere_defined }}\n")
    run = playbooks.run(install(playbooks))
    assert run.returncode == 2
    assert "templates/etc/a.conf.j2" in run.output and "nowhere_defined" in run.output


def test_wrong_host_secret_name(playbooks):
    playbooks.template("a.j2", "{{ '../x' | listkit.host.host_secret }}")
    assert "is not a valid name for a secret" in playbooks.run(install(playbooks)).output
