"""The checks of each component."""

ORDER = "base access dns tunnel database relay core certificate web bridge lists mailbox canary backup alert patches"
MODULES = {name: f"{__name__}.{name}" for name in ORDER.split()}
"""The module of each component, in the order in which its findings are shown: what others need comes first."""

EVERYWHERE = frozenset({"patches"})
"""Components that need no settings, and are checked on every host."""
