"""Puts messages into a mailbox on the mail service's host, whatever happens to Dovecot meanwhile.

usage: python3 injector.py TOKEN NUMBER ACCOUNT LIST SECONDS OCTETS     NUMBER messages spread over SECONDS

What it puts there is logged in /run/campaign-injected: time and Message-ID.
"""

import subprocess
import sys
import time
from pathlib import Path

token, number, account, address, seconds, octets = sys.argv[1:]
# Without any of Dovecot's daemons: asked for the user while they were being killed, doveadm once saved an empty message
# and said that all was well.
SAVE = ["runuser", "-u", "vmail", "--", "doveadm", "-o", f"mail_location=maildir:/var/vmail/{account}/Maildir", "save"]
began = time.monotonic()
for n in range(int(number)):
    time.sleep(max(0.0, began + float(seconds) * n / int(number) - time.monotonic()))
    message = (
        f"Return-Path: <ana@strict.test>\nDelivered-To: {address}\nMessage-ID: <{token}-{n}@strict.test>\n"
        f"Date: Sun, 01 Nov 2026 10:00:00 +0000\nFrom: ana@strict.test\nTo: {address}\nSubject: {token} {n}\n"
        "MIME-Version: 1.0\nContent-Type: text/plain\n\n"
    ) + "All is well.\n" * (1 + int(octets) // 13)
    while subprocess.run(SAVE, input=message.encode(), capture_output=True).returncode:
        time.sleep(0.2)
    with Path("/run/campaign-injected").open("a") as log:
        log.write(f"{time.time()} <{token}-{n}@strict.test>\n")
