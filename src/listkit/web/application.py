"""The web application as uwsgi loads it: imported and warmed once, then shared by the processes that fork from it.

Only uwsgi imports this module.
"""

from __future__ import annotations

import gc
import importlib
import io
import logging
import os
import sys

from listkit.web import PROJECT, SETTINGS_MODULE

WARMED_PAGES = ("/hyperkitty/", "/accounts/login/")
"""Between them they import nearly all that a page needs; neither asks Mailman's core, which may start later."""

NEEDED_BY_QUEUE = ("django_q.cluster", "haystack.query", "hyperkitty.tasks")
"""Modules that the pages don't import: the queue forks from this process, too."""

log = logging.getLogger(__name__)


def load():
    """Return Debian's application."""
    sys.path.insert(0, str(PROJECT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS_MODULE)
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def warm(application) -> None:
    """Render some pages. A failure costs memory, not service: the database may be down now and up in a minute."""
    from django.conf import settings
    from django.db import connections

    for module in NEEDED_BY_QUEUE:
        try:
            importlib.import_module(module)
        except ImportError:
            log.warning("%s isn't as expected; processes will need more memory", module, exc_info=True)
    for path in WARMED_PAGES:
        try:
            request(application, settings.ALLOWED_HOSTS[0], path)
        except Exception:
            log.warning("%s couldn't be warmed; processes will need more memory", path, exc_info=True)
    # A connection that two processes share would mix up their answers.
    connections.close_all()


def request(application, host: str, path: str) -> str:
    """Ask `application` for `path` and return its status."""
    status = []
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    response = application(environment, lambda line, headers, error=None: status.append(line))
    try:
        for _ in response:
            pass
    finally:
        response.close()
    return status[0]


def share_memory() -> None:
    """Keep what is loaded out of the collector's sight: looking at an object would copy its page into each process."""
    import uwsgi

    gc.collect()
    gc.freeze()
    uwsgi.post_fork_hook = gc.enable


gc.disable()
application = load()
warm(application)
share_memory()
