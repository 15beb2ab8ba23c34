"""The REST resource `report` of the kit's plugin: what the checks last found on this host.

The web host of a split site shows it on the status page.
"""

from __future__ import annotations

from mailman.rest.helpers import not_found, okay

from listkit.status import report


class StatusReport:
    """The report of the last run."""

    def on_get(self, request, response):
        """Answer with the report as JSON; 404 before the first run."""
        found = report.load()
        if found is None:
            not_found(response, "the checks have not run yet")
        else:
            okay(response, found.as_json())
