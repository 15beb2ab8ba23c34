"""`listkit bridge`: the service, and the check of its configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from listkit.bridge.config import CONFIGURATION, load, load_without_passwords
from listkit.bridge.service import Service
from listkit.common import systemd
from listkit.common.configuration import ConfigurationError


def main(argv: list[str]) -> int:
    """Run the bridge until SIGTERM, or check its configuration.

    Returns 0 after an orderly stop, 1 when a thread died (systemd restarts the bridge), 2 for a bad configuration.
    """
    arguments = _parser().parse_args(argv)
    systemd.log_to_journal()
    try:
        if arguments.check:
            load_without_passwords(arguments.config)
            return 0
        configuration = load(arguments.config, arguments.credentials)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return Service(configuration).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit bridge", description="Carry mail from IMAP mailboxes to Mailman.")
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="the configuration (default: %(default)s)")
    parser.add_argument("--credentials", type=Path, help="the directory of the passwords (default: systemd's)")
    parser.add_argument("--check", action="store_true", help="only check the configuration")
    return parser
