"""Our own Django application: pages that come before Postorius', and the patches."""

from __future__ import annotations

import sys

from django.apps import AppConfig
from django.conf import settings

from listkit.common.patching import Patching
from listkit.web import SHARE, patches

PATCHING = Patching("web/django")
JOB_COMMANDS = {"runjob", "runjobs"}
"""The commands of `manage.py` that run periodic jobs."""


class Listkit(AppConfig):
    """The application as Django's settings name it."""

    name = "listkit.web"
    label = "listkit_web"
    # Django looks for templates here; there is no such directory in the zip file that holds the code.
    path = str(SHARE)

    def ready(self) -> None:
        """Apply the patches. Settings can be changed until the first request."""
        settings.MIDDLEWARE = ("listkit.web.former_lists.redirect", *settings.MIDDLEWARE)
        PATCHING.apply(patches.DJANGO)
        if not JOB_COMMANDS.isdisjoint(sys.argv):
            PATCHING.apply(patches.JOBS)
