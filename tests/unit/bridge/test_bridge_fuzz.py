"""A fuzzer over whole messages: from raw bytes through routing to what Mailman would be given.

`BRIDGE_FUZZ_INPUTS` says how many inputs (default 3,000); `make test-long` sets 100,000 or more. A failure names the
seed and the number of the input, which make it again.
"""

from __future__ import annotations

import email
import io
import os
import random
import re
import time

from test_bridge_routing import BOOK, HEADERS

from listkit.bridge import owner
from listkit.bridge.handover import made_message_id, rendered
from listkit.bridge.identity import content_identity, delivery_id
from listkit.bridge.routing import route
from listkit.common.message.cleaning import clean
from listkit.common.message.header import HeaderTooLarge, envelope_sender, read_header
from listkit.common.message.lines import LineNormaliser

INPUTS = int(os.environ.get("BRIDGE_FUZZ_INPUTS", "3000"))
SEED = int(os.environ.get("BRIDGE_FUZZ_SEED", str(time.time_ns() % 2**32)))

NAMES = [
    b"Delivered-To", b"X-Original-To", b"Return-Path", b"To", b"Cc", b"Resent-To", b"List-Post", b"From", b"Subject",
    b"Message-ID", b"Received", b"Content-Type", b"X-Listkit-Delivery", b"x-listkit-DELIVERY ", b"X-Listkit-Owner-Copy",
    b"From ", b">From", b"", b"\xff", b"A" * 1200,
]  # fmt: skip
VALUES = [
    b"news@example.org", b"<mailman@example.org>", b"dev-confirm+0123@example.net", b'"a, b" <dev@example.org>, x@y.z',
    b"<>", b"=?utf-8?q?caf=C3=A9?=", b"=?broken", b"multipart/mixed; boundary=x", b"text/plain; charset=nonsense",
    b"\x00\x01\x02", b"<\xe9@x.y>", b"\xe2\x82\xac" * 400, b"(" * 500, b'"\\' * 300, b"@" * 300, b"a@" * 300, b"evil",
]  # fmt: skip
ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\n", b"\r\n ", b"\r\n\t\r\n", b"", b"\0\n"]
BODIES = [
    b"", b"Hello\r\n", b".\r\n", b"..\r\n.\r\n", b"\r\n.\r\nQUIT\r\n", b"x" * 100_000, b"--x\r\n\r\n--x--\r\n",
    b"\x80\xff" * 300, b"From me\n", b"\r" * 50, b"no end",
]  # fmt: skip


def generated(dice: random.Random) -> bytes:
    fields = (
        dice.choice(NAMES) + dice.choice([b": ", b":", b" : ", b""]) + dice.choice(VALUES) + dice.choice(ENDS)
        for _ in range(dice.randrange(12))
    )
    message = (
        b"".join(fields) + dice.choice([b"\r\n", b"\n", b""]) + b"".join(dice.choices(BODIES, k=dice.randrange(3)))
    )
    return mutated(message, dice) if dice.random() < 0.5 else message


def mutated(message: bytes, dice: random.Random) -> bytes:
    octets = bytearray(message[:5000])
    for _ in range(dice.randrange(20)):
        place = dice.randrange(len(octets) + 1)
        octets[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
    return bytes(octets)


def passed_on(message: bytes, dice: random.Random) -> None:
    normaliser = LineNormaliser()
    cut = dice.randrange(len(message) + 1)
    spool = io.BytesIO(normaliser.feed(message[:cut]) + normaliser.feed(message[cut:]) + normaliser.finish())
    header = read_header(spool)
    found = route(header.pairs(), BOOK, HEADERS)
    assert all(recipient.endswith("@example.org") for recipient in found.recipients)
    assert re.fullmatch(r"[!-~]*", envelope_sender(header))
    identity = content_identity(header, spool, "now")
    delivery = delivery_id(identity, "news@example.org")
    message = clean(header, spool, "now", "example.org")
    made_id = made_message_id(identity, "example.org")
    result = b"".join(rendered(message, spool, delivery, made_id))
    assert result.startswith(b"X-Listkit-Delivery: " + delivery.encode() + b"\r\n")
    assert result.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", result)
    assert max(map(len, result.split(b"\r\n"))) <= 998
    parsed = email.message_from_bytes(result)
    assert parsed.get_all("X-Listkit-Delivery") == [delivery]
    assert isinstance(parsed["Message-ID"], str)
    assert parsed.defects == []
    for _block in owner.forwarded(message, spool, "mailman@example.org"):
        pass
    owner.reason_to_keep(header)


def test_any_message_is_passed_on_whole_and_safe():
    dice = random.Random(SEED)  # noqa: S311 (reproducible)
    for number in range(INPUTS):
        message = generated(dice)
        try:
            passed_on(message, dice)
        except HeaderTooLarge:
            continue
        except Exception as error:
            raise AssertionError(f"BRIDGE_FUZZ_SEED={SEED}, input {number}: {message[:300]!r}") from error
