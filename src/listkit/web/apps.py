"""Our own Django application: pages that come before Postorius', and the patches."""

from __future__ import annotations

from django.apps import AppConfig

from listkit.common.patching import Patching
from listkit.web import SHARE, patches

PATCHING = Patching("web/django")


class Listkit(AppConfig):
    """The application as Django's settings name it."""

    name = "listkit.web"
    label = "listkit_web"
    # Django looks for templates here; there is no such directory in the zip file that holds the code.
    path = str(SHARE)

    def ready(self) -> None:
        """Apply the patches."""
        PATCHING.apply(patches.DJANGO)
