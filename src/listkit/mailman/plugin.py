"""Mailman's handle on the kit: enabled, it makes Mailman look for components in the packages beside this module."""

from pathlib import Path

from mailman.config import config
from mailman.core.runner import Runner
from mailman.core.switchboard import Switchboard
from mailman.interfaces.plugin import IPlugin
from mailman.interfaces.styles import IStyleManager
from mailman.mta.base import BaseDelivery
from mailman.utilities.mailbox import Mailbox
from public import public
from zope.component import getUtility
from zope.interface import implementer

from listkit.mailman import list_archivers, list_defaults, not_now, owner_mail
from listkit.mailman.chains import unsendable


@public
@implementer(IPlugin)
class Listkit:
    """The plugin; it has no REST resource."""

    name = "listkit"
    resource = None

    def pre_hook(self):
        """See `IPlugin`."""
        data = Path(config.DATA_DIR)
        handling = not_now.Handling(Path(config.QUEUE_DIR), data / "outbox", data / "taken-by-relay")
        not_now.teach(Switchboard, Runner, BaseDelivery, Mailbox, handling, commit=lambda: config.db.commit())

    def post_hook(self):
        """See `IPlugin`."""
        list_archivers.add_to_new_lists()
        unsendable.link_into(config.chains)
        owner_mail.link_into(config.pipelines["default-owner-pipeline"])
        for style in getUtility(IStyleManager).styles:
            list_defaults.extend(style)
