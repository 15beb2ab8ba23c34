"""Which files are written: each page in each language."""

from __future__ import annotations

import shutil
from pathlib import Path

from listkit.common.durable import replace_file
from listkit.common.rest import RestClient, RestError
from listkit.status import pages, services
from listkit.status.pages import VALID_SECONDS, Part
from listkit.status.report import RESOURCE, Report, prepare_directory
from listkit.status.texts import LANGUAGES

ROOT = Path("/var/lib/listkit/status-pages")
READERS = "www-data"
"""The group of the web server."""


def core_report() -> Part:
    """Ask the host of Mailman core for its report."""
    try:
        return Part(Report.of(RestClient.of_this_host().get(RESOURCE)))
    except (OSError, RestError, ValueError) as error:
        return Part(None, str(error))


def publish(site: str, own: Report, others: list[Part]) -> None:
    """Write the pages. own: this host's report; others: those of the site's other hosts."""
    parts = [Part(own), *others]
    present = [part.report for part in parts if part.report]
    findings = [finding for report in present for finding in report.findings]
    unseen = any(part.report is None or own.time - part.report.time > VALID_SECONDS for part in others)
    found = services.assess(findings, frozenset({"mail"} if unseen else ()), services.load(), own.time)
    services.save(found)
    canary = next((report.canary for report in present if report.canary), None)
    for tag, texts in LANGUAGES.items():
        written = {
            "public": pages.public(texts, tag, site, found, canary, own.time),
            "details": pages.details(texts, tag, site, parts, own.time),
            "unavailable": pages.unavailable(texts, tag, site),
        }
        for name, text in written.items():
            directory = ROOT / name
            prepare_directory(directory)
            replace_file(directory / f"{tag}.html", text, 0o640, READERS)


def withdraw() -> None:
    """Remove the pages of a site that has none any more."""
    shutil.rmtree(ROOT, ignore_errors=True)  # most sites never had any
