"""Mailman's handle on the kit: enabled, it makes Mailman look for components in the packages beside this module."""

from mailman.config import config
from mailman.core.switchboard import Switchboard
from mailman.interfaces.plugin import IPlugin
from public import public
from zope.interface import implementer

from listkit.mailman.chains.unsendable import link_into
from listkit.mailman.full_disk import tolerate_full_disks


@public
@implementer(IPlugin)
class Listkit:
    """The plugin; it has no REST resource."""

    name = "listkit"
    resource = None

    def pre_hook(self):
        """See `IPlugin`."""
        tolerate_full_disks(Switchboard)

    def post_hook(self):
        """See `IPlugin`."""
        link_into(config.chains["default-posting-chain"])
