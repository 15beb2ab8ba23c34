"""A subject prefix or a list's name with a line break is refused where it is set.

Either would end up in a header of every later post, which cannot be written then.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target

SETTINGS = ("subject_prefix", "display_name")


def _apply() -> None:
    from mailman.rest import listconf

    for name in SETTINGS:
        # The table of validators has the same objects.
        listconf.ATTRIBUTES[name].decoder = one_line


def one_line(value: str) -> str:
    """Return `value`. Raises ValueError, which the REST API answers with 400, when it is more than one line."""
    if value.splitlines() not in ([value], []):
        raise ValueError("Must be a single line")
    return value


PATCH = Patch(
    name="setting-line-breaks",
    purpose="A subject prefix with a line break, set in Postorius, sets every later post aside.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Such a prefix is accepted, and sets every later post aside.",
    targets=(
        Target("mailman.rest.listconf:ATTRIBUTES"),
        Target("mailman.rest.listconf:VALIDATORS"),
        Target("mailman.rest.listconf:GetterSetter.__init__", "(self, decoder=None)"),
    ),
    apply=_apply,
)
