"""Mailman's handle on the kit: enabled, it makes Mailman look for components in the packages beside this module."""

from mailman.interfaces.plugin import IPlugin
from public import public
from zope.interface import implementer


@public
@implementer(IPlugin)
class Listkit:
    """The plugin; it needs neither hooks nor a REST resource."""

    name = "listkit"
    resource = None

    def pre_hook(self):
        """See `IPlugin`."""

    def post_hook(self):
        """See `IPlugin`."""
