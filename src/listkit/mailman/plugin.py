"""Mailman's handle on the kit: enabled, it makes Mailman look for components in the packages beside this module."""

from mailman.config import config
from mailman.interfaces.plugin import IPlugin
from public import public
from zope.interface import implementer

from listkit.mailman.chains.unsendable import link_into


@public
@implementer(IPlugin)
class Listkit:
    """The plugin; it has no REST resource."""

    name = "listkit"
    resource = None

    def pre_hook(self):
        """See `IPlugin`."""

    def post_hook(self):
        """See `IPlugin`."""
        link_into(config.chains["default-posting-chain"])
