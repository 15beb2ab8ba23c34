"""On which of the deployed sites a test runs.

A test runs on one site unless its markers say otherwise:

`every_release`  what is tested may differ between Debian releases: runs on both
`split`          what is tested may differ with the topology: runs on the split site too
`one_release`    what is tested is expensive and the same everywhere: always runs on one site
`same_site`      shares an expensive fixture with its module: those of a module run on the same site

The site is chosen by a hash of the test's name, so the choice doesn't depend on the other tests or on what is selected.
"""

from __future__ import annotations

import zlib
from collections.abc import Container

RELEASES = ("trixie", "bookworm")
SPLIT = "split"
SITES = (*RELEASES, SPLIT)


def case(node_id: str, site: str) -> str:
    """The name of a test without the site, which is one of its parameters: the same on every site."""
    name, bracket, parameters = node_id.partition("[")
    if not bracket:
        return name
    others = parameters.removesuffix("]").split("-")
    others.remove(site)
    return f"{name}[{'-'.join(others)}]"


def assigned(case: str, markers: Container[str]) -> frozenset[str]:
    """The sites on which a test with these markers runs. `case`: see the function of that name."""
    unit = case.partition("::")[0] if "same_site" in markers else case
    seed = zlib.crc32(unit.encode())
    if "every_release" in markers and "one_release" not in markers:
        chosen = RELEASES
    elif "split" in markers:
        chosen = (RELEASES[seed % len(RELEASES)],)
    else:
        chosen = (SITES[seed % len(SITES)],)
    return frozenset(chosen) | ({SPLIT} if "split" in markers else set())
