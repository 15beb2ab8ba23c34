"""Mailman's own styles, with the kit's settings on top."""

from mailman.interfaces.styles import IStyle
from mailman.styles.default import LegacyAnnounceOnly, LegacyDefaultStyle, PrivateDefaultStyle
from public import public
from zope.interface import implementer

from listkit.mailman import list_defaults


@public
@implementer(IStyle)
class Discussion(LegacyDefaultStyle):
    """Members write to each other; the archive is public."""

    name = "listkit-discussion"
    description = "Discussion list, safe for members whose provider checks DMARC (recommended here)."

    def apply(self, mailing_list):
        """See `IStyle`."""
        super().apply(mailing_list)
        list_defaults.apply(mailing_list, list_defaults.read())


@public
@implementer(IStyle)
class Private(PrivateDefaultStyle):
    """Members write to each other; only they read the archive."""

    name = "listkit-private"
    description = "Discussion list with a private archive, safe for members whose provider checks DMARC."

    def apply(self, mailing_list):
        """See `IStyle`."""
        super().apply(mailing_list)
        list_defaults.apply(mailing_list, list_defaults.read())


@public
@implementer(IStyle)
class Announce(LegacyAnnounceOnly):
    """Few write to many."""

    name = "listkit-announce"
    description = "Announce only list, safe for members whose provider checks DMARC."

    def apply(self, mailing_list):
        """See `IStyle`."""
        super().apply(mailing_list)
        list_defaults.apply(mailing_list, list_defaults.read())
