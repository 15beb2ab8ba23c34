"""Gives a list its archivers when it is made.

Mailman adds them when somebody first asks for them. Two processes that ask at the same time, as with two first posts,
add them twice; every later post of the list then ends in the shunt queue (MultipleResultsFound).
"""

from mailman.interfaces.listmanager import ListCreatedEvent
from mailman.interfaces.mailinglist import IListArchiverSet
from zope import event


def add_to_new_lists() -> None:
    """Have Mailman call us for each new list."""
    if _add not in event.subscribers:
        event.subscribers.append(_add)


def _add(happened):
    if isinstance(happened, ListCreatedEvent):
        IListArchiverSet(happened.mailing_list)
