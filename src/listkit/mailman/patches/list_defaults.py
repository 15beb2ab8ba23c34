"""Every style gives a new list the settings in `/etc/listkit/list-defaults.json` after its own."""

from __future__ import annotations

from listkit.common.patching import Patch, Target
from listkit.mailman import list_defaults


def _apply() -> None:
    from mailman.interfaces.styles import IStyleManager
    from zope.component import getUtility

    for style in getUtility(IStyleManager).styles:
        list_defaults.extend(style)


PATCH = Patch(
    name="list-defaults",
    purpose="Mailman has no setting for the defaults of new lists: the style chosen in Postorius decides.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="New lists have Mailman's own settings: no DMARC mitigation, for instance.",
    targets=(
        Target("mailman.interfaces.styles:IStyleManager"),
        Target("mailman.styles.default:LegacyDefaultStyle.apply", "(self, mailing_list)"),
    ),
    apply=_apply,
)
