"""The modules device_password and device_password_info."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.infomaniak.plugins.modules import device_password, device_password_info
from module_run import HOSTING, Failed

from infomaniak_api.account import Device

WHERE = {"mail_hosting": HOSTING, "mailbox": "mailman", "label": "list server"}


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "mail_password"


@pytest.fixture
def old(mailbox):
    """A password that is there already."""
    mailbox.devices[7] = Device(7, "list server")
    return mailbox.devices[7]


def test_a_new_one_goes_into_a_private_file_and_nowhere_else(run, mailbox, dest):
    result = run(device_password, **WHERE, dest=str(dest))
    (device,) = mailbox.devices.values()
    assert (device.label, device.protocols, device.type) == ("list server", "imap", "other")
    assert dest.read_text() == f"{device.password}\n" and dest.stat().st_mode & 0o777 == 0o600
    assert result["changed"] and device.password not in str(result)
    assert [file.name for file in dest.parent.iterdir()] == ["mail_password"]


def test_a_second_run(run, dest):
    run(device_password, **WHERE, dest=str(dest))
    again = run(device_password, **WHERE, dest=str(dest))
    assert not again["changed"] and again["requests"] == 1


def test_a_password_that_is_lost_is_not_replaced_by_itself(run, old, dest):
    with pytest.raises(Failed, match=r"doesn't show the password 'list server' again\. Set regenerate"):
        run(device_password, **WHERE, dest=str(dest))


def test_regenerate(run, old, dest):
    before = old.password
    result = run(device_password, **WHERE, dest=str(dest), regenerate=True)
    assert result["changed"] and old.password != before and dest.read_text() == f"{old.password}\n"


def test_absent_removes_only_this_label(run, mailbox, old):
    mailbox.devices[8] = Device(8, "ana's phone")
    assert run(device_password, **WHERE, state="absent")["changed"]
    assert list(mailbox.devices) == [8]
    assert not run(device_password, **WHERE, state="absent")["changed"]


def test_check_mode(run, mailbox, dest):
    assert run(device_password, check=True, **WHERE, dest=str(dest))["changed"]
    assert mailbox.devices == {} and not dest.exists()


def test_no_password_is_made_that_has_no_place_to_go(run, mailbox, tmp_path):
    with pytest.raises(Failed, match=r"dest: can't write .*: No such file or directory"):
        run(device_password, **WHERE, dest=str(tmp_path / "missing" / "file"))
    assert mailbox.devices == {}


def test_a_lost_answer_makes_no_second_password_and_is_named(run, api, mailbox, dest):
    api.switches.lost_answers = 1
    with pytest.raises(Failed, match=r"was made all the same and is lost\. Remove it with state: absent"):
        run(device_password, **WHERE, dest=str(dest))
    assert len(mailbox.devices) == 1 and not dest.exists()


def test_a_failure_that_made_nothing(run, api, dest):
    api.switches.refusals["POST /1/mail_hostings/{service_mail}/mailboxes/{mailbox_name}/accesses/devices"] = [
        "existing_device_can_only_have_one_user"
    ]
    with pytest.raises(Failed, match="Choose another label, so that a new device is made"):
        run(device_password, **WHERE, dest=str(dest))


@pytest.mark.parametrize("regenerate", [False, True])
def test_an_answer_without_a_password(run, api, mailbox, dest, regenerate):
    if regenerate:
        mailbox.devices[7] = Device(7, "list server")
    dest.write_text("the old one\n")
    api.switches.ignore_writes = True
    with pytest.raises(Failed, match="returned no password"):
        run(device_password, **WHERE, dest=str(dest), regenerate=regenerate)
    assert dest.read_text() == "the old one\n"
    assert [file.name for file in dest.parent.iterdir()] == ["mail_password"]


def test_a_removal_that_changed_nothing(run, api, old):
    api.switches.ignore_writes = True
    with pytest.raises(Failed, match="device password to remove: list server"):
        run(device_password, **WHERE, state="absent")


def test_an_account_that_may_not(run, api, dest):
    api.switches.device_passwords = False
    with pytest.raises(Failed, match="Mail Service > the mailbox > Devices > Add a device"):
        run(device_password, **WHERE, dest=str(dest))
    assert len(api.requests) == 1, "it isn't asked again"


def test_the_old_password_of_another_user(run, old):
    old.type = "legacy"
    with pytest.raises(Failed, match="Log in to the Manager as that user"):
        run(device_password, **WHERE, state="absent")


@pytest.mark.parametrize("label", ["", "x" * 256])
def test_wrong_labels(run, dest, label):
    with pytest.raises(Failed, match="label: write 1 to 255 characters"):
        run(device_password, **{**WHERE, "label": label}, dest=str(dest))


def test_info_never_shows_a_password(run, old):
    result = run(device_password_info, mail_hosting=HOSTING, mailbox="mailman")
    assert result["device_passwords"] == [
        {
            "id": 7,
            "label": "list server",
            "type": "other",
            "protocols": "imap",
            "status": "healthy",
            "last_connection": None,
        }
    ]
    assert old.password not in str(result)
