"""The host's own checks."""

import os
import re
import subprocess

import pytest
from check_stand_ins import all_of, the

from listkit.check import probes
from listkit.check.components import base
from listkit.check.finding import Status
from listkit.check.settings import Host

SOCKETS = """\
LISTEN 0 128      0.0.0.0:22      0.0.0.0:*
LISTEN 0 511            *:443           *:*
LISTEN 0 511         [::]:80         [::]:*
LISTEN 0 100    127.0.0.1:25      0.0.0.0:*
LISTEN 0 100        [::1]:25         [::]:*
LISTEN 0 4096 127.0.0.53%lo:53    0.0.0.0:*
"""
ALLOWED = {22, 80, 443}


class TestOpenPorts:
    def test_only_the_allowed_ones_are_open(self):
        finding = the(base.check_ports(Host(ports=ALLOWED), SOCKETS))
        assert (finding.status, finding.seen) == (Status.OK, "22, 80, 443")

    def test_another_one_is_named_with_the_command_that_finds_its_program(self):
        finding = the(base.check_ports(Host(ports=ALLOWED), SOCKETS + "LISTEN 0 100 192.0.2.1:8001 0.0.0.0:*\n"))
        assert finding.status is Status.CRITICAL
        assert "not expected: 8001" in finding.seen
        assert "`ss -tlnp 'sport = 8001'`" in finding.remedy

    def test_without_the_settings_of_a_role_nobody_knows_which_are_expected(self):
        finding = the(base.check_ports(Host(ports={22}, unusable={"web"}), SOCKETS))
        assert finding.status is Status.UNKNOWN
        assert "web" in finding.seen


class TestSecrets:
    @pytest.fixture
    def secret(self, tmp_path):
        secret = tmp_path / "etc/listkit/secrets/rest_password"
        secret.parent.mkdir(parents=True)
        secret.parent.chmod(0o700)
        secret.write_text("x")
        secret.chmod(0o600)
        return secret

    def test_closed_ones_are_counted(self, tmp_path, secret):
        assert the(base.check_secrets(tmp_path)).status is Status.OK

    def test_one_that_others_can_read_is_closed_by_the_command_beside_it(self, tmp_path, secret):
        secret.chmod(0o604)
        finding = the(base.check_secrets(tmp_path))
        assert finding.status is Status.CRITICAL
        assert str(secret) in finding.seen
        subprocess.run(finding.remedy.split("`")[1], shell=True, check=True)  # noqa: S602 -- the command under test
        assert secret.stat().st_mode & 0o777 == 0o600

    def test_a_directory_that_others_can_enter_is_closed_by_the_command_beside_it(self, tmp_path, secret):
        secret.parent.chmod(0o755)
        finding = the(base.check_secrets(tmp_path))
        assert finding.seen == f"open to other users: {secret.parent}"
        subprocess.run(finding.remedy.split("`")[1], shell=True, check=True)  # noqa: S602 -- the command under test
        assert the(base.check_secrets(tmp_path)).status is Status.OK

    def test_a_directory_that_only_root_can_list_is_not_taken_for_an_empty_one(self, tmp_path, secret, monkeypatch):
        def closed(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(base.Path, "iterdir", closed)
        with pytest.raises(PermissionError):
            list(base.check_secrets(tmp_path))


class TestDisks:
    def test_there_is_room(self, tmp_path):
        finding = the(base.check_disks({tmp_path: "", tmp_path.parent: "", tmp_path / "none": ""}, least=1))
        assert finding.status is Status.OK
        # Both are on one disk.
        assert re.fullmatch(rf"free: \d+ MiB on {tmp_path}", finding.seen)

    def test_each_full_one_is_named_with_the_way_to_make_room(self, tmp_path):
        full = {tmp_path: "`apt-get clean`", tmp_path.parent: "`du`", tmp_path / "none": ""}
        findings = all_of(base.check_disks(full, least=2**60))
        assert [finding.remedy for finding in findings] == ["`apt-get clean`", "`du`"]
        assert str(tmp_path) in findings[0].seen

    def test_the_largest_directories_on_a_full_one_are_named(self, tmp_path, programs, monkeypatch):
        for number in range(5):
            (tmp_path / f"d{number}").mkdir()
            (tmp_path / f"d{number}/x").write_bytes(b"x" * (number + 1) * 1024**2)
        finding = the(base.check_disks({tmp_path: "`du`"}, least=2**60))
        largest = ", ".join(rf"{tmp_path}/d{number} \d MiB" for number in (4, 3, 2))
        assert re.search(f"; the largest: {largest}$", finding.seen)
        monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.2)
        programs.add("du", "exec sleep 60")
        assert "the largest" not in the(base.check_disks({tmp_path: "`du`"}, least=2**60)).seen

    def test_a_disk_without_inodes_is_full(self, tmp_path, monkeypatch):
        disk = os.statvfs(tmp_path)
        values = {name: getattr(disk, name) for name in ("f_bavail", "f_frsize", "f_files")}
        monkeypatch.setattr(base.os, "statvfs", lambda path: type("Disk", (), {**values, "f_favail": 0}))
        assert "no inode free" in the(base.check_disks({tmp_path: "`du`"}, least=1)).seen


class TestMemory:
    @pytest.mark.parametrize(
        ("available", "swap", "status"), [(500, 0, Status.OK), (10, 500, Status.OK), (40, 20, Status.WARNING)]
    )
    def test_memory_and_swap_count_together(self, tmp_path, available, swap, status):
        sizes = {"MemTotal": 2000, "MemAvailable": available, "SwapFree": swap}
        lines = "".join(f"{name}:   {size * 1024} kB\n" for name, size in sizes.items())
        (tmp_path / "meminfo").write_text(f"{lines}HugePages_Total:  0\n")
        finding = the(base.check_memory(tmp_path / "meminfo"))
        assert (finding.status, finding.seen) == (status, f"{available} MiB available, {swap} MiB of swap free")


class TestClock:
    @pytest.mark.parametrize(("answer", "status"), [(0, Status.OK), (5, Status.WARNING)])
    def test_the_kernel_says_whether_something_keeps_it_right(self, tmp_path, answer, status):
        assert the(base.check_clock(tmp_path / "container", lambda: answer)).status is status

    def test_the_kernel_answers(self, tmp_path):
        assert the(base.check_clock(tmp_path / "container")).name == "clock"

    def test_a_container_has_the_clock_of_its_machine(self, tmp_path):
        assert the(base.check_clock(tmp_path, lambda: 5)).status is Status.OK


class TestJobs:
    FAILED = "listkit-broken.service loaded failed failed x\nlistkit-web-job@hourly.service loaded failed failed y"

    def test_none_has_failed(self):
        assert the(base.check_jobs(Host())).status is Status.OK

    def test_a_failed_one_is_named_with_its_last_log_line(self, programs):
        programs.add("systemctl", f"echo '{self.FAILED}'")
        programs.journal("boom")
        findings = all_of(base.check_jobs(Host()))
        assert [finding.status for finding in findings] == [Status.CRITICAL] * 2
        assert "listkit-broken.service failed; its last log line: boom" in findings[0].seen

    def test_units_with_a_finding_of_their_own_are_left_out(self, programs):
        programs.add("systemctl", f"echo '{self.FAILED}'")
        host = Host(units={"listkit-broken.service", "listkit-web-job@hourly.timer"})
        assert the(base.check_jobs(host)).status is Status.OK


class TestReboot:
    def test_none_is_required(self, tmp_path):
        assert the(base.check_reboot(tmp_path / "reboot-required")).status is Status.OK

    def test_a_required_one_is_a_warning_that_names_the_packages(self, tmp_path):
        (tmp_path / "reboot-required").write_text("*** System restart required ***\n")
        (tmp_path / "reboot-required.pkgs").write_text("linux-image-amd64\nlibc6\nlibc6\n")
        finding = the(base.check_reboot(tmp_path / "reboot-required"))
        assert finding.status is Status.WARNING
        assert finding.seen.endswith(", for libc6, linux-image-amd64")
        assert finding.remedy == "`systemctl reboot`"


class TestRestarts:
    DELETED = "7f00-7f01 r-xp 00000000 fe:01 42 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n"

    @pytest.fixture
    def proc(self, tmp_path):
        self.process(tmp_path, 7, "/system.slice/nginx.service", "7f00-7f01 r-xp 00000000 fe:01 42 /usr/sbin/nginx\n")
        return tmp_path

    def process(self, proc, pid, group, maps):
        (proc / str(pid)).mkdir()
        (proc / str(pid) / "cgroup").write_text(f"0::{group}\n")
        (proc / str(pid) / "maps").write_text(maps)

    def test_none_has_replaced_files(self, proc):
        assert the(base.check_restarts(proc)).status is Status.OK

    def test_services_with_replaced_files_are_named_with_the_command(self, proc):
        self.process(proc, 8, "/system.slice/system-postgresql.slice/postgresql@17-main.service", self.DELETED)
        self.process(proc, 9, "/system.slice/postfix.service", self.DELETED)
        finding = the(base.check_restarts(proc))
        assert finding.status is Status.WARNING
        assert finding.remedy == "`systemctl restart postfix.service postgresql@17-main.service`"

    @pytest.mark.parametrize(
        "maps",
        [
            DELETED.replace("r-xp", "rw-p").replace("/usr/lib/x86_64-linux-gnu/libssl.so.3", "/dev/zero"),
            DELETED.replace("/usr/lib/x86_64-linux-gnu/libssl.so.3", "/memfd:jit"),
        ],
    )
    def test_other_deleted_memory_is_ordinary(self, proc, maps):
        self.process(proc, 8, "/system.slice/postgresql.service", maps)
        assert the(base.check_restarts(proc)).status is Status.OK

    def test_a_persons_session_is_not_a_service(self, proc):
        self.process(proc, 8, "/user.slice/user-1000.slice/session-1.scope", self.DELETED)
        assert the(base.check_restarts(proc)).status is Status.OK
