"""A stranger's mail is one command with one answer, and only a list's owners may subscribe other addresses by mail."""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target

ADDRESS = "address="
REFUSAL = "Only the list's owners may subscribe another address than the sender's."


def wrap_finder(finder_class, commands, list_of) -> None:
    """Let Mailman's `CommandFinder` stop after a stranger's first command.

    commands: the known ones by name. list_of: returns the list that a message's metadata name.
    """
    start, find = finder_class.__init__, finder_class.__iter__

    @functools.wraps(start)
    def __init__(self, msg, msgdata, results):
        start(self, msg, msgdata, results)
        self.only_first = not is_subscriber(list_of(msgdata), msg.sender)

    @functools.wraps(find)
    def __iter__(self):
        for parts in find(self):
            # The word before a command may be "Re:".
            is_command = any(part in commands for part in parts[:2])
            yield parts
            if is_command and self.only_first:
                self.ignored_lines[:0] = self.command_lines
                self.command_lines.clear()

    finder_class.__init__, finder_class.__iter__ = __init__, __iter__


def wrap_join(join_class, stop) -> None:
    """Let Mailman's command `join` refuse another address than the sender's, and answer a stranger once.

    stop: the value that ends a mail.
    """
    original = join_class.process

    @functools.wraps(original)
    def process(self, mlist, msg, msgdata, arguments, results):
        """See `IEmailCommand`."""
        if names_another(arguments, msg.sender) and not is_owner(mlist, msg.sender):
            print(REFUSAL, file=results)
            results.send_response = True
            return stop
        if is_subscriber(mlist, msg.sender):
            return original(self, mlist, msg, msgdata, arguments, results)
        # A stranger gets the request for a confirmation, or the reason why there is none; Mailman sends both.
        answers, results.send_response = results.send_response, False
        status = original(self, mlist, msg, msgdata, arguments, results)
        results.send_response |= answers and status is stop
        return status

    join_class.process = process


def names_another(arguments: list[str], sender: str) -> bool:
    """Whether the command is about another address than the sender's."""
    addresses = [argument.partition("=")[2] for argument in arguments if argument.startswith(ADDRESS)]
    return any(address != (sender or "").lower() for address in addresses)


def is_subscriber(mlist, sender: str) -> bool:
    """Whether the sender is a member or runs the list."""
    rosters = (mlist.members, mlist.administrators)
    return bool(sender) and any(roster.get_member(sender) is not None for roster in rosters)


def is_owner(mlist, sender: str) -> bool:
    """Whether the sender is an owner of the list; a moderator isn't enough."""
    return bool(sender) and mlist.owners.get_member(sender) is not None


def _apply() -> None:
    from mailman.commands.eml_membership import Join
    from mailman.config import config
    from mailman.interfaces.command import ContinueProcessing
    from mailman.interfaces.listmanager import IListManager
    from mailman.runners.command import CommandFinder
    from zope.component import getUtility

    wrap_finder(
        CommandFinder, config.commands, lambda msgdata: getUtility(IListManager).get_by_list_id(msgdata["listid"])
    )
    wrap_join(Join, ContinueProcessing.no)


PATCH = Patch(
    name="email-commands",
    purpose="One mail with ten lines `join address=…` makes ten strangers get a mail each, and a request to join is"
    " answered with two mails.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="A mail has any number of commands; the limits of the outbound budget still hold.",
    targets=(
        Target("mailman.runners.command:CommandFinder.__init__", "(self, msg, msgdata, results)"),
        Target("mailman.runners.command:CommandFinder.__iter__", "(self)"),
        Target("mailman.commands.eml_membership:Join.process", "(self, mlist, msg, msgdata, arguments, results)"),
        Target("mailman.interfaces.command:ContinueProcessing.no"),
        Target("mailman.runners.command:Results.__init__", "(self, charset='us-ascii')"),
        Target("mailman.interfaces.listmanager:IListManager"),
    ),
    apply=_apply,
)
