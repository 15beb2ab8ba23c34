"""An older system's mbox file comes into a list's archive, once, and with its dates."""

from __future__ import annotations

import mailbox
import os
import re
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from deployment import Deployment
from e2e import playbook
from e2e.mailing import MailingList
from e2e.website import SEARCHABLE_WITHIN_SECONDS, WebSite, burst, import_mbox, removing_archive, wait_for
from infomaniak import compose

pytestmark = pytest.mark.every_release("web")

YEAR_SECONDS = 366 * 86_400
LONG_AGO = datetime(2009, 3, 7, 12, 0, tzinfo=UTC)


@pytest.mark.split
def test_an_mbox_file_is_imported_once(deployment: Deployment, release: str, mailing_list: MailingList, tmp_path: Path):
    website = WebSite.of(deployment.sites[release])
    mailing_list.configure(archive_policy="public")
    message = compose("Ida Old <ida@example.com>", mailing_list.address, "Damsons", "Who has damsons to give away?\n")
    message.replace_header("Date", format_datetime(LONG_AGO))
    with removing_archive(website, mailing_list.address):
        first_run = import_mbox(deployment, release, mailing_list.address, [message], tmp_path)
        assert "1 email added" in first_run, first_run
        second_run = import_from_here(deployment, release, mailing_list.address, tmp_path / "import.mbox")
        assert re.search(r"changed=0 .*failed=0", second_run), second_run
        guest = website.browser()
        assert "Damsons" in guest.get(f"/mailman3/hyperkitty/list/{mailing_list.address}/2009/3/").text
        search = f"/mailman3/hyperkitty/search?mlist={mailing_list.address}&q=damsons"
        wait_for(
            "search result", SEARCHABLE_WITHIN_SECONDS, lambda: guest.get(search), lambda page: "Ida Old" in page.text
        )


def test_a_message_from_the_future_keeps_no_later_post_out_of_the_search(
    deployment: Deployment, release: str, website: WebSite, public_list: str, tmp_path: Path
):
    message = compose("Ida Early <ida@example.com>", public_list, "Quinces", "Next year's are the best.\n")
    of_next_year = mailbox.mboxMessage(message)
    of_next_year.set_from("ida@example.com", time.gmtime(time.time() + YEAR_SECONDS))
    assert "1 email added" in import_mbox(deployment, release, public_list, [of_next_year], tmp_path)
    word, guest = burst(website, public_list, 1), website.browser()
    wait_for(
        "search result",
        SEARCHABLE_WITHIN_SECONDS,
        lambda: guest.get(f"/mailman3/hyperkitty/search?mlist={public_list}&q={word}"),
        lambda page: f"{word} 0" in page.text,
    )


def import_from_here(deployment: Deployment, release: str, address: str, box: Path) -> str:
    """Import a file that is named as one does who stands elsewhere than beside the playbook."""
    variables = {"import_list": address, "import_mbox": os.path.relpath(box, playbook.ROOT)}
    return playbook.run(deployment, release, "playbooks/import-mbox.yml", **variables).stdout


def test_an_unknown_list_is_refused(deployment: Deployment, release: str, tmp_path: Path):
    said = import_mbox(deployment, release, "nobody@example.org", [], tmp_path)
    assert "Mailman has no list nobody@example.org" in said
