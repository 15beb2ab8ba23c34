"""The web interface on the host: set-up, application and job queue."""

from pathlib import Path

PROJECT = Path("/usr/share/mailman3-web")
"""Debian's Django project: its settings read ours."""

SETTINGS_MODULE = "settings"

SHARE = Path("/usr/local/share/listkit/web")
"""Files that the role `web` installs beside the code: `templates/` and `robots.txt`."""
