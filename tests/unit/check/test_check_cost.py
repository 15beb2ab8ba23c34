"""The checks run every few minutes: what they import is compiled each time, since a zipapp keeps no bytecode."""

from __future__ import annotations

import os
import subprocess
import sys

MOST_MODULES = 70
"""Of ours; with the bridge's and the budget's services there were 96, and a run took twice as long to begin."""
COUNT = """
import sys
from importlib import import_module
from listkit.alert import cli
from listkit.check import cli
from listkit.check.components import MODULES
for name in MODULES.values():
    import_module(name)
print(*(name for name in sys.modules if name.startswith("listkit.")))
"""


def test_the_checks_import_no_service_that_they_look_at():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, env=environment)
    modules = done.stdout.split()
    assert {
        "listkit.budget.controller",
        "listkit.bridge.imap",
        "listkit.trace.sources",
        "listkit.backup.repository",
    }.isdisjoint(modules)
    assert len(modules) <= MOST_MODULES
