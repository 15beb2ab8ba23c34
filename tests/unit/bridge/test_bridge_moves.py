"""Moves out of a folder that are refused, and made later."""

from __future__ import annotations

import pytest
from bridge_stand_ins import MailServer
from test_bridge_delivery import Bench

from listkit.bridge.context import MailboxContext
from listkit.bridge.imap import Imap
from listkit.bridge.moves import PendingMoves
from listkit.bridge.policy import Disposition


@pytest.fixture
def context(tmp_path):
    bench = Bench(tmp_path)
    yield MailboxContext(bench.configuration, bench.configuration.mailboxes[0], bench.journal, bench.metrics)
    bench.mailman.close()
    bench.relay.close()


@pytest.fixture
def server():
    return MailServer()


@pytest.fixture
def client(server):
    client = Imap(server.open())
    client.login("a", "b")
    client.prepare()
    yield client
    client.close()


def refused(context: MailboxContext, server: MailServer, client: Imap) -> PendingMoves:
    """One handled message that the mail service has refused to move."""
    server.before = lambda name, _: "NO no" if name == "UID MOVE" else None
    uid = server.put(b"Subject: hi\n\n")
    moves = PendingMoves(context)
    selected = client.select("INBOX")
    moves.record(context.ref(selected, uid), Disposition.PROCESSED)
    batch = moves.batch(client)
    assert moves.resume(selected, [uid], batch) == []
    moves.postpone_refused("INBOX", batch)
    return moves


def test_a_refused_move_waits_for_its_turn(context, server, client):
    moves = refused(context, server, client)
    assert moves.next_due < float("inf")
    server.before = lambda *_: None
    selected = client.select("INBOX")
    assert moves.resume(selected, [1, 2], moves.batch(client)) == [2]
    assert len(server.contents("INBOX")) == 1


def test_a_handled_message_that_was_removed_leaves_nothing_to_wait_for(context, server, client):
    moves = refused(context, server, client)
    ref = context.ref(client.select("INBOX"), 1)
    moves.retain("Promotions", frozenset())
    assert ref in moves
    moves.retain("INBOX", frozenset())
    assert ref not in moves
    assert moves.next_due == float("inf")
