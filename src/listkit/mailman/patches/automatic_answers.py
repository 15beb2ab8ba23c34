"""Mailman marks its answers to mail from outside for the outbound budget, which limits them."""

from __future__ import annotations

import functools
from contextlib import nullcontext

from listkit.common.answers import HEADER
from listkit.common.patching import Patch, Target
from listkit.mailman import answers

INVITATION = "list:user:action:invite"
RUNNERS = ("command:CommandRunner", "incoming:IncomingRunner", "pipeline:PipelineRunner", "bounce:BounceRunner")


def wrap_runner(runner_class) -> None:
    """Let a runner that handles mail from outside say so."""
    original = runner_class._dispose

    @functools.wraps(original)
    def dispose(self, mlist, msg, msgdata):
        """See `IRunner`."""
        with answers.from_outside():
            return original(self, mlist, msg, msgdata)

    runner_class._dispose = dispose


def wrap_notification(notification_class, owner_notification_class) -> None:
    """Let Mailman's `UserNotification`, and what inherits from it, note what it answers."""
    original = notification_class.send

    @functools.wraps(original)
    def send(self, mlist, *, add_precedence=True, **more):
        """See `UserNotification`."""
        noted = answers.metadata(to_owners=isinstance(self, owner_notification_class))
        original(self, mlist, add_precedence=add_precedence, **noted, **more)

    notification_class.send = send


def wrap_confirmation(confirm_class, has_pending) -> None:
    """Let Mailman's command `confirm` tell a valid token from a guess."""
    original = confirm_class.process

    @functools.wraps(original)
    def process(self, mlist, msg, msgdata, arguments, results):
        """See `IEmailCommand`."""
        if arguments and has_pending(arguments[0]):
            answers.sender_is_proven()
        return original(self, mlist, msg, msgdata, arguments, results)

    confirm_class.process = process


def confirmation_request(original):
    """Wrap the function that sends requests for confirmation; an invitation is what an owner has decided."""

    @functools.wraps(original)
    def request(event, template_name):
        with nullcontext() if template_name == INVITATION else answers.from_outside():
            return original(event, template_name)

    return request


def wrap_outgoing(handler_class, is_known) -> None:
    """Let Mailman's `ToOutgoing` write the mark, and let no other message carry one."""
    original = handler_class.process

    @functools.wraps(original)
    def process(self, mlist, msg, msgdata):
        """See `IHandler`."""
        del msg[HEADER]
        if answer := answers.answer_of(msgdata, is_known):
            msg[HEADER] = answer.value
        original(self, mlist, msg, msgdata)

    handler_class.process = process


def _apply() -> None:
    import importlib

    from mailman.app import subscriptions
    from mailman.commands.eml_confirm import Confirm
    from mailman.email.message import OwnerNotification, UserNotification
    from mailman.handlers.to_outgoing import ToOutgoing
    from mailman.interfaces.pending import IPendings
    from zope.component import getUtility

    for name in RUNNERS:
        module, _, runner = name.partition(":")
        wrap_runner(getattr(importlib.import_module(f"mailman.runners.{module}"), runner))
    wrap_notification(UserNotification, OwnerNotification)
    wrap_confirmation(Confirm, lambda token: getUtility(IPendings).confirm(token, expunge=False) is not None)
    subscriptions._handle_confirmation_needed_events = confirmation_request(
        subscriptions._handle_confirmation_needed_events
    )
    wrap_outgoing(ToOutgoing, answers.is_known)


PATCH = Patch(
    name="automatic-answers",
    purpose="Nothing that Mailman sends shows whether it answers a stranger: forged subscriptions and posts spend the "
    "quota that the members need.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Answers to strangers are urgent, and have no limits.",
    targets=(
        *(Target(f"mailman.runners.{name}._dispose", "(self, mlist, msg, msgdata)") for name in RUNNERS),
        Target("mailman.email.message:UserNotification.send", "(self, mlist, *, add_precedence=True, **_kws)"),
        Target("mailman.email.message:OwnerNotification._enqueue", "(self, mlist, **_kws)"),
        Target("mailman.commands.eml_confirm:Confirm.process", "(self, mlist, msg, msgdata, arguments, results)"),
        Target("mailman.interfaces.pending:IPendings"),
        Target("mailman.app.subscriptions:_handle_confirmation_needed_events", "(event, template_name)"),
        Target("mailman.handlers.to_outgoing:ToOutgoing.process", "(self, mlist, msg, msgdata)"),
        Target("mailman.interfaces.subscriptions:ISubscriptionService"),
        Target("mailman.interfaces.usermanager:IUserManager"),
    ),
    apply=_apply,
)
