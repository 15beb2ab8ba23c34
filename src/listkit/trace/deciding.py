"""Deciding on a message that got stuck: let it go on, delete it, or have it delivered again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from listkit.common.rest import RestClient
from listkit.common.systemd import as_user
from listkit.trace import mailbox, report
from listkit.trace.event import Query, bare
from listkit.trace.place import Held, Place, Queued, SetAside, Stored
from listkit.trace.tracing import FAILURES, Trace

DONE, NOT_ONE, NOT_POSSIBLE, FAILED = range(4)
"""Exit statuses."""


class NotPossible(Exception):
    """The decision can't be made at this place; the text says what to do instead."""


def release(place: Place) -> str:
    """Let a message go on, and return what was done."""
    match place:
        case Held():
            return _moderate(place, "accept", "accepted")
        case Queued(queue_id, "hold"):
            _change_queue("-H", queue_id)
            return f"{queue_id}: released, whatever the sending budget has left"
        case Queued(queue_id):
            _run("postqueue", "-i", queue_id)
            return f"{queue_id}: is being delivered again"
        case SetAside(path):
            raise NotPossible(f"{path}: remove the cause, then `sudo mailman unshunt`")
        case Stored(folder=folder):
            raise NotPossible(f"it lies in {folder}: to post it, `sudo listkit repost`")


def discard(place: Place) -> str:
    """Delete a message, and return what was done."""
    match place:
        case Held():
            return _moderate(place, "discard", "discarded")
        case Queued(queue_id):
            _change_queue("-d", queue_id)
            return f"{queue_id}: deleted"
        case SetAside(path):
            Path(path).unlink()
            return f"{path}: deleted"
        case Stored(folder=folder):
            raise NotPossible(f"it lies in {folder}: delete it in the webmail")


def repost(place: Place) -> str:
    """Have the bridge deliver a message again, and return what was done."""
    match place:
        case Stored(folder=folder):
            return f"moved from {folder} to {mailbox.replay(place)}; the bridge delivers it within a minute"
        case _:
            raise NotPossible("only a message in a folder of the mailbox can be posted again")


def _moderate(place: Held, action: str, done: str) -> str:
    RestClient.of_this_host().post(f"lists/{place.list_id}/held/{place.request}", {"action": action})
    return f"{place.list_id}: {done}, as a moderator would"


def _change_queue(*arguments: str) -> None:
    # It becomes Postfix's user, which the sandbox of the unit that serves another host doesn't permit.
    _run(*as_user("root", ("postsuper", *arguments)))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def decide(decision: Callable[[Place], str], query: Query, found: Trace, out: Callable[[str], None]) -> int:
    """Decide on the one message that was found, at each place where it is; return the exit status.

    If a source could not be read, another message might match as well, except one that is named by its Message-ID.
    """
    unsure = found.failures and any(bare(message.message_id) != bare(query.text) for message in found.messages)
    if len(found.messages) != 1 or found.more or unsure:
        for line in _choice(found):
            out(line)
        return NOT_ONE
    places = [event.place for event in found.messages[0].events if event.place]
    refusals, done = [], 0
    for place in places:
        try:
            out(decision(place))
            done += 1
        except NotPossible as reason:
            refusals.append(str(reason))
        except FAILURES as error:
            out(f"failed: {_reason(error)}")
            return FAILED
    if not done:
        for line in refusals or ["it waits nowhere"]:
            out(line)
        return NOT_POSSIBLE
    return DONE


def _choice(found: Trace) -> Iterator[str]:
    if not found.messages:
        yield "no message matches"
        return
    several = len(found.messages) > 1 or found.more
    yield f"more than one message {'matches' if several else 'may match'}; name one by its Message-ID:"
    for message in found.messages:
        yield report.printable(f"  {message.message_id or '(no Message-ID)'}  {message.subject}")


def _reason(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
    return said.decode(errors="replace").strip() or str(error)
