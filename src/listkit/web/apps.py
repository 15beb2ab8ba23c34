"""Our own Django application: pages that win over Postorius', the archives' privacy, one login, a healthy database."""

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
        """Connect what listens for new archives and for requests, and what asks for the login."""
        from listkit.web import connections, login, privacy

        login.be_the_only_one()
        privacy.listen()
        privacy.guard_api()
        connections.listen()
