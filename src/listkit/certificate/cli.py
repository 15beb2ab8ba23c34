"""`listkit certificate`: install and renew the web server's certificate.

`ensure` installs the best certificate at hand, without asking the authority: the authority's last one, the
operator's own, or a self-signed one. It prints a `Status` as JSON.

`renew` asks the ACME authority when it is time, does the same, and reloads nginx. If nginx refuses, the next run tries
again.

Exit status: 0 done, or the main name does not lead to this host yet (a warning says so); 1 a certificate is missing for
at least one name; 2 the configuration is not usable.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace

from listkit.certificate import lifecycle
from listkit.certificate.configuration import Configuration
from listkit.certificate.files import CertificateError
from listkit.certificate.store import Store
from listkit.common.configuration import ConfigurationError
from listkit.common.subcommands import Subcommands


def main(argv: list[str]) -> int:
    """Carry out `ensure` or `renew`; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        configuration = Configuration.load()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    store = Store(lifecycle.ROOT)
    try:
        with lifecycle.lock():
            if options.command == "renew":
                return lifecycle.renew(configuration, store, time.time())
            status = lifecycle.ensure(configuration, store, time.time(), options.check)
            if status.changed and not options.check:
                status = replace(status, wanted=not lifecycle.try_reload(store) or status.wanted)
            print(json.dumps(asdict(status)))
    except CertificateError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit certificate", description="Manage the web server's certificate.")
    commands = Subcommands(parser)
    ensure = commands.add_parser("ensure", help="install the best certificate at hand, without asking the authority")
    ensure.add_argument("--check", action="store_true", help="only say what would change")
    commands.add_parser("renew", help="renew the certificate if it is due, and reload nginx")
    return parser
