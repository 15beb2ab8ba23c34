"""Which certificate is put in place, when the authority is asked, and what comes of a refusal."""

import json
import subprocess
import time
from fnmatch import fnmatch
from types import SimpleNamespace

import pytest

from listkit.certificate import acme, cli, configuration, lifecycle, reachability
from listkit.certificate import store as certificate_store
from listkit.certificate.configuration import Configuration
from listkit.certificate.files import CertificateError, Pair, make_self_signed, openssl
from listkit.certificate.store import Store

NAMES = ["lists.example.org"]
BOTH = [*NAMES, "lists.example.net"]
DIRECTORY = "https://acme.example/dir"
DAY = 86_400


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Everything that is kept is kept here."""
    monkeypatch.setattr(lifecycle, "ROOT", tmp_path / "certificate")
    monkeypatch.setattr(acme, "ROOT", tmp_path / "acme")
    monkeypatch.setattr(acme, "WEBROOT", tmp_path / "webroot")
    return tmp_path


@pytest.fixture(autouse=True)
def web_server(monkeypatch):
    """A web server that takes what is new unless it `refuses` and counts its `reloads`, and a job that has `failed`."""
    server = SimpleNamespace(refuses=False, reloads=0, failed=True)

    def systemctl(command, **options):
        if command[1] == "reset-failed":
            assert fnmatch("listkit-certificate.service", command[2])
            server.failed = False
            return subprocess.CompletedProcess(command, 0)
        assert command == ["systemctl", "try-reload-or-restart", "nginx.service"]
        server.reloads += not server.refuses
        return subprocess.CompletedProcess(command, int(server.refuses), "", "Job for nginx.service failed.\n")

    monkeypatch.setattr(lifecycle.subprocess, "run", only("systemctl", systemctl, subprocess.run))
    return server


def only(program, instead, otherwise):
    """A `subprocess.run` that has `instead` answer for one program."""
    return lambda command, **options: (instead if command[0] == program else otherwise)(command, **options)


@pytest.fixture
def store():
    return Store(lifecycle.ROOT)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority; returns a function that issues a certificate for names and days."""
    folder = tmp_path_factory.mktemp("authority")
    root = make_self_signed(["authority.example"])
    (folder / "ca.pem").write_bytes(root.chain)
    (folder / "ca.key").write_bytes(root.key)

    def issue(names=NAMES, days=90):
        key, request, extensions = (folder / name for name in ("key", "request", "extensions"))
        extensions.write_text(f"subjectAltName = {','.join('DNS:' + name for name in names)}\n")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key))
        openssl("req", *new_key, "-subj", "/O=issued", "-out", str(request))
        signer = ("-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"))
        chain = openssl("x509", "-req", "-in", str(request), *signer, "-days", str(days), "-extfile", str(extensions))
        return Pair(chain.encode(), key.read_bytes())

    return issue


def put_issued(pair, directory=DIRECTORY):
    lineage = acme.ROOT / "live" / acme.NAME
    lineage.mkdir(parents=True, exist_ok=True)
    (lineage / "fullchain.pem").write_bytes(pair.chain)
    (lineage / "privkey.pem").write_bytes(pair.key)
    kept = acme.ROOT / "renewal" / f"{acme.NAME}.conf"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(f"[renewalparams]\nserver = {directory}\n")


@pytest.fixture
def answers(monkeypatch):
    """The authority's answers, in order: a pair, or an error that is raised. Each question is noted."""
    prepared, questions = [], []

    def obtain(names, email, directory, ca_file):
        questions.append(names)
        answer = prepared.pop(0)
        if isinstance(answer, Exception):
            raise answer
        put_issued(answer, directory)
        return answer

    monkeypatch.setattr(acme, "obtain", obtain)
    return SimpleNamespace(prepared=prepared, questions=questions)


def letsencrypt(**changes):
    plain = {"mode": "letsencrypt", "names": NAMES, "directory": DIRECTORY, "check_reachable": False}
    return Configuration(**{**plain, **changes})


def test_a_self_signed_certificate_is_made_once(store):
    configuration = Configuration("selfsigned", NAMES)
    first = lifecycle.ensure(configuration, store, time.time())
    assert first.changed
    assert first.self_signed
    assert not first.temporary
    made = store.installed()
    lifecycle.ensure(configuration, store, time.time())
    assert store.installed() == made


def test_nothing_has_changed_once_the_web_server_has_it(store):
    configuration = Configuration("selfsigned", NAMES)
    assert lifecycle.renew(configuration, store, time.time()) == 0
    assert not lifecycle.ensure(configuration, store, time.time()).changed


def test_the_header_for_nginx_changes_without_a_new_certificate(store, authority, web_server, monkeypatch):
    put_issued(authority())
    lifecycle.renew(letsencrypt(), store, time.time())
    monkeypatch.setattr(certificate_store, "NGINX_TRUST", "# none\n")
    assert lifecycle.ensure(letsencrypt(), store, time.time()).changed
    assert (store.live / "trusted.conf").read_text() == "# none\n"
    lifecycle.renew(letsencrypt(), store, time.time())
    assert web_server.reloads == 2
    assert not lifecycle.ensure(letsencrypt(), store, time.time()).changed


def test_looking_only_changes_nothing(store):
    assert lifecycle.ensure(Configuration("selfsigned", NAMES), store, time.time(), dry_run=True).changed
    assert store.installed() is None


@pytest.mark.parametrize(
    ("names", "days"), [(["lists.example.org", "lists.example.net"], 0), (["new.example.org"], 0), (NAMES, 600)]
)
def test_other_names_and_age_make_a_new_self_signed_certificate(store, names, days):
    lifecycle.ensure(Configuration("selfsigned", NAMES), store, time.time())
    assert lifecycle.ensure(Configuration("selfsigned", names), store, time.time() + days * DAY).changed
    assert store.installed().certificate.names == set(names)


def test_a_host_without_a_certificate_yet_gets_a_temporary_one(store):
    status = lifecycle.ensure(letsencrypt(), store, time.time())
    assert status.temporary


def test_the_first_certificate_replaces_the_temporary_one(store, answers, authority, web_server):
    lifecycle.ensure(letsencrypt(), store, time.time())
    issued = authority()
    answers.prepared.append(issued)
    assert lifecycle.renew(letsencrypt(), store, time.time()) == 0
    assert store.installed() == issued
    assert web_server.reloads == 1


def test_the_authority_is_not_asked_before_it_is_time(store, answers, authority):
    put_issued(authority(days=90))
    assert lifecycle.renew(letsencrypt(), store, time.time() + 50 * DAY) == 0
    assert answers.questions == []
    answers.prepared.append(authority())
    assert lifecycle.renew(letsencrypt(), store, time.time() + 61 * DAY) == 0
    assert answers.questions == [NAMES]


def test_a_failed_renewal_keeps_the_old_certificate_and_says_why(store, answers, authority, capsys):
    old = authority()
    put_issued(old)
    lifecycle.ensure(letsencrypt(), store, time.time())
    answers.prepared.append(CertificateError("rateLimited"))
    later = time.time() + 70 * DAY
    assert lifecycle.renew(letsencrypt(), store, later) == 1
    assert store.installed() == old
    assert "the old certificate stays" in (said := capsys.readouterr().err)
    assert "rateLimited" in said


def test_the_job_s_failure_is_forgotten_when_what_it_failed_of_is_over(store, answers, authority, web_server):
    answers.prepared += [CertificateError("unauthorized"), authority()]
    now = time.time()
    assert lifecycle.renew(letsencrypt(), store, now) == 1
    lifecycle.ensure(Configuration("selfsigned", NAMES), store, now, dry_run=True)
    assert web_server.failed
    assert lifecycle.renew(letsencrypt(), store, now + DAY) == 0
    assert not web_server.failed


def test_the_job_s_failure_is_forgotten_when_the_authority_is_not_asked_any_more(store, web_server):
    lifecycle.ensure(Configuration("selfsigned", NAMES), store, time.time())
    assert not web_server.failed


def test_a_refusal_is_remembered_without_asking_again(store, answers, capsys):
    answers.prepared.append(CertificateError("unauthorized"))
    now = time.time()
    assert lifecycle.renew(letsencrypt(), store, now) == 1
    assert lifecycle.renew(letsencrypt(), store, now + 60) == 1
    assert len(answers.questions) == 1
    assert "unauthorized" in capsys.readouterr().err.splitlines()[-1]


def test_the_pauses_grow_and_end_with_success(store, answers, authority):
    now = time.time()
    for pause in (15, 30, 60):
        answers.prepared.append(CertificateError("no"))
        lifecycle.renew(letsencrypt(), store, now)
        lifecycle.renew(letsencrypt(), store, now + pause * 60 - 1)
        now += pause * 60
    assert len(answers.questions) == 3
    answers.prepared.append(authority())
    assert lifecycle.renew(letsencrypt(), store, now) == 0
    assert not (lifecycle.ROOT / "attempts.json").exists()


def test_another_question_is_asked_at_once(store, answers, authority):
    answers.prepared += [CertificateError("no"), authority(["new.example.org"])]
    now = time.time()
    lifecycle.renew(letsencrypt(), store, now)
    assert lifecycle.renew(letsencrypt(names=["new.example.org"]), store, now) == 0
    assert store.installed().certificate.names == {"new.example.org"}


def test_a_changed_name_is_served_by_a_temporary_certificate_until_there_is_a_real_one(store, authority):
    put_issued(authority())
    status = lifecycle.ensure(letsencrypt(names=["new.example.org"]), store, time.time())
    assert status.temporary
    assert status.names == ["new.example.org"]


def test_an_added_name_does_not_cost_the_main_name_its_certificate(store, answers, authority):
    put_issued(old := authority())
    both = letsencrypt(names=BOTH)
    status = lifecycle.ensure(both, store, time.time())
    assert store.installed() == old
    assert status.wanted
    assert not status.temporary
    answers.prepared.append(authority(BOTH))
    assert lifecycle.renew(both, store, time.time()) == 0
    assert store.installed().certificate.names == set(BOTH)


def test_an_expired_certificate_of_the_authority_stays(store, authority):
    """A browser that knows the name as secure refuses a self-signed one; an expired one tells what is wrong."""
    put_issued(old := authority(days=1))
    lifecycle.ensure(letsencrypt(), store, time.time() + 5 * DAY)
    assert store.installed() == old


@pytest.fixture
def astray(monkeypatch):
    """The names that don't lead here."""
    names = set()

    def unreachable(wanted, addresses):
        return {name: f"{name} has no DNS record: create {name}. A 192.0.2.10" for name in wanted if name in names}

    monkeypatch.setattr(reachability, "unreachable", unreachable)
    return names


def test_a_name_that_does_not_lead_here_yet_is_a_warning_and_no_attempt(store, answers, astray, capsys):
    astray.update(NAMES)
    assert lifecycle.renew(letsencrypt(check_reachable=True), store, time.time()) == 0
    assert answers.questions == []
    said = capsys.readouterr().err
    assert "a temporary self-signed certificate stays" in said
    assert "lists.example.org. A 192.0.2.10" in said


def test_a_name_that_leads_elsewhere_at_renewal_is_a_failure(store, answers, authority, astray):
    put_issued(authority())
    astray.update(NAMES)
    assert lifecycle.renew(letsencrypt(check_reachable=True), store, time.time() + 70 * DAY) == 1
    assert answers.questions == []


def test_another_authority_is_asked_at_once(store, answers, authority):
    put_issued(authority(), "https://staging.example/dir")
    new = authority()
    answers.prepared.append(new)
    assert lifecycle.renew(letsencrypt(), store, time.time()) == 0
    assert store.installed() == new
    assert lifecycle.renew(letsencrypt(), store, time.time()) == 0
    assert answers.questions == [NAMES]


def test_another_authority_that_refuses_leaves_the_certificate_in_place(store, answers, authority):
    put_issued(old := authority(), "https://staging.example/dir")
    answers.prepared.append(CertificateError("rateLimited"))
    assert lifecycle.renew(letsencrypt(), store, time.time()) == 1
    assert store.installed() == old


class TestANameThatIsDead:
    """Its domain has lapsed, its record leads elsewhere, or the authority refuses it for reasons of its own."""

    ten_minutes = 600

    def renew(self, store, now, **changes):
        return lifecycle.renew(letsencrypt(names=BOTH, check_reachable=True, **changes), store, now)

    def test_the_main_name_gets_its_first_certificate(self, store, answers, authority, astray, capsys):
        astray.add(BOTH[1])
        answers.prepared.append(issued := authority())
        assert self.renew(store, time.time()) == 1
        assert answers.questions == [NAMES]
        assert store.installed() == issued
        assert "a new certificate is in place, valid until 20" in (said := capsys.readouterr().err)
        assert "create lists.example.net. A 192.0.2.10" in said

    def test_the_main_name_is_renewed(self, store, answers, authority, astray):
        put_issued(authority(BOTH))
        astray.add(BOTH[1])
        answers.prepared.append(issued := authority(NAMES))
        assert self.renew(store, time.time() + 61 * DAY) == 1
        assert store.installed() == issued

    def test_the_authority_is_not_asked_every_ten_minutes(self, store, answers, authority, astray, capsys):
        astray.add(BOTH[1])
        answers.prepared.append(authority())
        now = time.time()
        for run in range(8):
            assert self.renew(store, now + run * self.ten_minutes) == 1
        assert answers.questions == [NAMES]
        assert "the old certificate stays in place" in capsys.readouterr().err.splitlines()[-1]

    def test_it_gets_none_without_the_main_name(self, store, answers, astray):
        astray.update(NAMES)
        assert self.renew(store, time.time()) == 0
        assert answers.questions == []

    def test_it_is_added_once_it_leads_here(self, store, answers, authority, astray):
        astray.add(BOTH[1])
        answers.prepared += [authority(), authority(BOTH)]
        self.renew(store, time.time())
        astray.clear()
        assert self.renew(store, time.time() + self.ten_minutes) == 0
        assert store.installed().certificate.names == set(BOTH)

    def test_a_third_name_does_not_wait_for_it(self, store, answers, authority, astray):
        put_issued(authority())
        names = [*BOTH, "third.example.org"]
        astray.add(BOTH[1])
        answers.prepared.append(authority([NAMES[0], names[2]]))
        lifecycle.renew(letsencrypt(names=names, check_reachable=True), store, time.time())
        assert answers.questions == [[NAMES[0], names[2]]]

    def test_while_the_certificate_has_its_name_nothing_is_asked(self, store, answers, authority, astray):
        put_issued(authority(BOTH))
        astray.add(BOTH[1])
        assert self.renew(store, time.time()) == 0
        assert answers.questions == []

    def test_it_is_named_with_the_authoritys_refusal_of_the_others(self, store, answers, astray, capsys):
        astray.add(BOTH[1])
        answers.prepared.append(CertificateError("rateLimited"))
        now = time.time()
        for _ in range(2):
            assert self.renew(store, now) == 1
            said = capsys.readouterr().err
            assert "rateLimited" in said
            assert "create lists.example.net." in said

    def test_one_that_the_authority_refuses_is_left_out(self, store, answers, authority, astray, capsys):
        answers.prepared += [acme.Refused("Domain: lists.example.net", BOTH[1:]), issued := authority()]
        assert self.renew(store, time.time()) == 1
        assert answers.questions == [BOTH, NAMES]
        assert store.installed() == issued
        assert "Domain: lists.example.net" in capsys.readouterr().err

    def test_one_that_the_authority_refuses_is_asked_for_less_and_less(self, store, answers, authority, astray):
        refusal = acme.Refused("Domain: lists.example.net", BOTH[1:])
        answers.prepared += [refusal, authority(), *[refusal] * 18]
        now = time.time()
        for run in range(18):
            assert self.renew(store, now + run * self.ten_minutes) == 1
        assert answers.questions == [BOTH, NAMES, BOTH, BOTH, BOTH]

    def test_a_main_name_that_the_authority_refuses_is_not_left_out(self, store, answers, astray):
        answers.prepared.append(acme.Refused("Domain: lists.example.org", NAMES))
        assert self.renew(store, time.time()) == 1
        assert answers.questions == [BOTH]


class TestWhatCertbotLeftHalfWritten:
    @pytest.fixture(params=["the key of another one", "nonsense"])
    def halves(self, store, authority, request):
        """A certificate that is served, and its successor, which can't be used; returns the former."""
        put_issued(old := authority())
        lifecycle.ensure(letsencrypt(), store, time.time())
        other = authority()
        damaged = Pair(other.chain, old.key) if "key" in request.param else Pair(b"nonsense", other.key)
        put_issued(damaged)
        return old

    def test_it_never_reaches_the_web_server(self, store, halves):
        status = lifecycle.ensure(letsencrypt(), store, time.time())
        assert store.installed() == halves
        assert status.wanted
        assert not status.temporary

    def test_it_is_requested_again(self, store, halves, answers, authority):
        answers.prepared.append(new := authority())
        assert lifecycle.renew(letsencrypt(), store, time.time()) == 0
        assert store.installed() == new

    def test_an_authority_that_refuses_costs_nothing(self, store, halves, answers):
        answers.prepared.append(CertificateError("rateLimited"))
        assert lifecycle.renew(letsencrypt(), store, time.time()) == 1
        assert store.installed() == halves


class TestAWebServerThatRefuses:
    def test_it_is_offered_the_certificate_until_it_takes_it(self, store, web_server):
        web_server.refuses = True
        with pytest.raises(CertificateError, match=r"nginx rejects .* Job for nginx\.service failed"):
            lifecycle.renew(Configuration("selfsigned", NAMES), store, time.time())
        assert lifecycle.ensure(Configuration("selfsigned", NAMES), store, time.time()).changed
        web_server.refuses = False
        for _ in range(2):
            assert lifecycle.renew(Configuration("selfsigned", NAMES), store, time.time()) == 0
        assert web_server.reloads == 1

    def test_it_is_reported_beside_the_authoritys_refusal(
        self, store, answers, web_server, places, monkeypatch, capsys
    ):
        web_server.refuses = True
        answers.prepared.append(CertificateError("rateLimited"))
        monkeypatch.setattr(configuration, "CONFIGURATION", places / "certificate.json")
        configuration.CONFIGURATION.write_text(
            json.dumps({"mode": "letsencrypt", "names": NAMES, "check_reachable": False})
        )
        assert cli.main(["renew"]) == 1
        said = capsys.readouterr().err
        assert "rateLimited" in said
        assert "nginx rejects its configuration" in said

    def test_what_was_put_in_place_without_it_is_taken_by_the_next_run(self, store, web_server):
        lifecycle.ensure(Configuration("selfsigned", NAMES), store, time.time())
        lifecycle.renew(Configuration("selfsigned", NAMES), store, time.time())
        assert web_server.reloads == 1


class TestOwnFiles:
    @pytest.fixture
    def own(self, tmp_path, authority):
        """A certificate that the operator brings."""
        pair = authority()
        (tmp_path / "own.pem").write_bytes(pair.chain)
        (tmp_path / "own.key").write_bytes(pair.key)
        return pair

    def configuration(self, folder, **changes):
        files = {"certificate_file": str(folder / "own.pem"), "key_file": str(folder / "own.key")}
        return Configuration(**{"mode": "files", "names": NAMES, **files, **changes})

    def test_they_are_installed_and_followed(self, store, tmp_path, own, authority, web_server):
        lifecycle.ensure(self.configuration(tmp_path), store, time.time())
        assert store.installed() == own
        newer = authority()
        (tmp_path / "own.pem").write_bytes(newer.chain)
        (tmp_path / "own.key").write_bytes(newer.key)
        assert lifecycle.renew(self.configuration(tmp_path), store, time.time()) == 0
        assert store.installed() == newer
        assert web_server.reloads == 1

    def test_a_missing_file_is_named(self, store, tmp_path, own):
        with pytest.raises(CertificateError, match=r"/nowhere\.key"):
            lifecycle.ensure(self.configuration(tmp_path, key_file="/nowhere.key"), store, time.time())

    def test_they_stand_in_until_the_authority_has_issued_its_own(self, store, tmp_path, own):
        lifecycle.ensure(self.configuration(tmp_path), store, time.time())
        status = lifecycle.ensure(letsencrypt(), store, time.time())
        assert store.installed() == own
        assert status.wanted

    def test_the_operator_reads_the_names_of_the_operators_variables(self, store, tmp_path, own):
        with pytest.raises(CertificateError, match=r"^tls_mode is files, .* run the playbook to install them"):
            lifecycle.ensure(self.configuration(tmp_path, certificate_file="/nowhere.pem"), store, time.time())

    def test_a_certificate_for_another_name_is_refused(self, store, tmp_path, own):
        with pytest.raises(CertificateError, match=r"is not valid for other\.example"):
            lifecycle.ensure(self.configuration(tmp_path, names=["other.example"]), store, time.time())

    def test_a_key_that_does_not_belong_is_refused(self, store, tmp_path, own, authority):
        (tmp_path / "own.key").write_bytes(authority().key)
        with pytest.raises(CertificateError, match="does not belong"):
            lifecycle.ensure(self.configuration(tmp_path), store, time.time())


@pytest.mark.parametrize("content", ["{", '{"mode": "magic", "names": ["a.bc"]}', '{"mode": "files"}', '{"nmaes": []}'])
def test_a_configuration_that_can_not_be_used_ends_with_status_2(tmp_path, monkeypatch, capsys, content):
    (tmp_path / "certificate.json").write_text(content)
    monkeypatch.setattr(configuration, "CONFIGURATION", tmp_path / "certificate.json")
    assert cli.main(["ensure"]) == 2
    assert str(tmp_path / "certificate.json") in capsys.readouterr().err


def test_ensure_prints_its_status(tmp_path, monkeypatch, capsys):
    (tmp_path / "certificate.json").write_text('{"mode": "selfsigned", "names": ["lists.example.org"]}')
    monkeypatch.setattr(configuration, "CONFIGURATION", tmp_path / "certificate.json")
    assert cli.main(["ensure"]) == 0
    assert json.loads(capsys.readouterr().out)["names"] == NAMES


@pytest.fixture
def ensure(tmp_path, monkeypatch, capsys):
    """Run `listkit certificate ensure` for self-signed certificates; returns the status that it prints."""
    monkeypatch.setattr(configuration, "CONFIGURATION", tmp_path / "certificate.json")

    def run(*arguments, names=NAMES):
        configuration.CONFIGURATION.write_text(json.dumps({"mode": "selfsigned", "names": names}))
        assert cli.main(["ensure", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_ensure_reloads_the_web_server_once_for_each_certificate(ensure, web_server):
    assert ensure()["changed"]
    assert ensure(names=["new.example.org"])["changed"]
    assert not ensure(names=["new.example.org"])["changed"]
    assert web_server.reloads == 2


def test_ensure_check_changes_nothing(ensure, store, web_server):
    assert ensure("--check")["changed"]
    assert store.installed() is None
    assert web_server.reloads == 0


def test_ensure_leaves_a_web_server_that_refuses_to_the_renewal(ensure, web_server):
    """The deployment goes on: the web server's configuration may be what it is about to correct."""
    web_server.refuses = True
    for _ in range(2):
        status = ensure()
        assert status["changed"]
        assert status["wanted"]
