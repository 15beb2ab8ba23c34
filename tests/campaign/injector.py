"""Puts messages into a mailbox on the mail service's host, whatever happens to Dovecot meanwhile.

usage: python3 injector.py TOKEN NUMBER ACCOUNT LIST SECONDS OCTETS     NUMBER messages spread over SECONDS

What it puts there is logged in /run/campaign-injected: time and Message-ID.
"""

import subprocess
import sys
import time
from pathlib import Path

token, number, account, address, seconds, octets = sys.argv[1:]
began = time.monotonic()
for n in range(int(number)):
    time.sleep(max(0.0, began + float(seconds) * n / int(number) - time.monotonic()))
    message = (
        f"Return-Path: <ana@strict.test>\nDelivered-To: {address}\nMessage-ID: <{token}-{n}@strict.test>\n"
        f"Date: Sun, 01 Nov 2026 10:00:00 +0000\nFrom: ana@strict.test\nTo: {address}\nSubject: {token} {n}\n"
        "MIME-Version: 1.0\nContent-Type: text/plain\n\n"
    ) + "All is well.\n" * (1 + int(octets) // 13)
    # doveadm saves a message or doesn't; it needs Dovecot's own userdb, which may be away for a while.
    while subprocess.run(["doveadm", "save", "-u", account], input=message.encode(), capture_output=True).returncode:
        time.sleep(0.2)
    with Path("/run/campaign-injected").open("a") as log:
        log.write(f"{time.time()} <{token}-{n}@strict.test>\n")
