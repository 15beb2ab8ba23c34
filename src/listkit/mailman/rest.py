"""The kit's resources in Mailman's REST API, below `plugins/listkit`."""

from __future__ import annotations


class Root:
    """`plugins/listkit`. It exists before Mailman's models and its REST server can be imported."""

    def members(self, context, segments):
        """`members/LIST_ID/ROLE`"""
        from listkit.mailman.members import People

        return People.find(segments), []

    def report(self, context, segments):
        """`report`"""
        from listkit.mailman.status_report import StatusReport

        return StatusReport(), []

    def person(self, context, segments):
        """`person/find` and `person/erase`"""
        from listkit.mailman.people import People

        return People.find(segments), []

    def renaming(self, context, segments):
        """`renaming/LIST_ID`"""
        from listkit.mailman.renaming import Renaming

        return Renaming.find(segments), []

    def trace(self, context, segments):
        """`trace`"""
        from listkit.mailman.tracing import Trace

        return Trace(), []

    # As `mailman.rest.helpers.child` does.
    renaming.__matcher__ = "renaming"  # type: ignore[attr-defined]  # Mailman looks it up on the function
    members.__matcher__ = "members"  # type: ignore[attr-defined]  # Mailman looks it up on the function
    report.__matcher__ = "report"  # type: ignore[attr-defined]  # as above
    person.__matcher__ = "person"  # type: ignore[attr-defined]  # as above
    trace.__matcher__ = "trace"  # type: ignore[attr-defined]  # as above
