"""Mailman's plugin of the kit: it applies the patches, and makes Mailman look for components in this package."""

from mailman.interfaces.plugin import IPlugin
from public import public
from zope.interface import implementer

from listkit.common.patching import Patching
from listkit.mailman import patches
from listkit.mailman.rest import Root


@public
@implementer(IPlugin)
class Listkit:
    """The plugin."""

    name = "listkit"
    resource = Root()

    def __init__(self):
        self._patching = Patching("mailman/core")

    def pre_hook(self):
        """See `IPlugin`."""
        self._patching.apply(patches.CLASSES)

    def post_hook(self):
        """See `IPlugin`."""
        self._patching.apply(patches.COMPONENTS)
