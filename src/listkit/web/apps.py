"""Our own Django application: pages that win over Postorius', the archives' privacy, the database's health."""

from __future__ import annotations

from django.apps import AppConfig

from listkit.web import SHARE


class Listkit(AppConfig):
    """The application as Django's settings name it."""

    name = "listkit.web"
    label = "listkit_web"
    # Django looks for templates here; there is no such directory in the zip file that holds the code.
    path = str(SHARE)

    def ready(self) -> None:
        """Connect what listens for new archives and for requests."""
        from listkit.web import connections, privacy

        privacy.listen()
        connections.listen()
