"""On which of the deployed sites a test runs.

A test runs on one site unless its markers say otherwise:

`every_release`             what is tested may differ between Debian releases: runs on a host of each
`every_release("core")`     the same for Mailman core, the relay and the bridge; on the split site they run on trixie
`every_release("web")`      the same for the web interface; on the split site it runs on bookworm
`split`                     what is tested may differ with the topology: runs on the split site too
`one_release`               what is tested is expensive and the same everywhere: always runs on one site
`same_site`                 shares an expensive fixture with its module, which runs on one site, of one host

The site is chosen by a hash of the test's name, so the choice doesn't depend on the other tests or on what is selected.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
RELEASES = ("trixie", "bookworm")
SPLIT = "split"
COMPONENTS = {
    "trixie": {"host": "trixie", "core": "trixie", "web": "trixie"},
    "bookworm": {"host": "bookworm", "core": "bookworm", "web": "bookworm"},
    SPLIT: {"core": "trixie", "web": "bookworm"},
}
"""Site → component → the Debian release that it runs on; a site with one host is a `host`, too."""
SITES = tuple(COMPONENTS)
ANYWHERE = (*SITES, *SITES, SPLIT, SPLIT, SPLIT)
"""The sites for a test that may run on any: more of them on the split site, where fewer of the others run."""
ONE_HOST = ("bookworm", "trixie")
"""The sites of one host, where a deployment is cheapest. In this order, the modules that deploy are spread evenly."""


def case(node_id: str, site: str) -> str:
    """The name of a test without the site, which is one of its parameters: the same on every site."""
    name, bracket, parameters = node_id.partition("[")
    if not bracket:
        return name
    others = parameters.removesuffix("]").split("-")
    others.remove(site)
    return f"{name}[{'-'.join(others)}]"


def assigned(case: str, markers: Mapping[str, str]) -> frozenset[str]:
    """The sites on which a test with these markers (name → argument or "") runs; for `case` see that function."""
    seed = zlib.crc32((case.partition("::")[0] if "same_site" in markers else case).encode())
    split = {SPLIT} if "split" in markers else set()
    if "every_release" in markers and "one_release" not in markers:
        component = markers["every_release"] or "host"
        return frozenset(split.union(_site_with(component, release, split, seed) for release in RELEASES))
    choices = ONE_HOST if "same_site" in markers else RELEASES if split else ANYWHERE
    return frozenset(split | {_pick(choices, seed)})


def _site_with(component: str, release: str, chosen: set[str], seed: int) -> str:
    """A site whose component runs on the release; one that is chosen already if there is one."""
    sites = [site for site in SITES if COMPONENTS[site].get(component) == release]
    return _pick([site for site in sites if site in chosen] or sites, seed)


def _pick(choices: Sequence[T], seed: int) -> T:
    return choices[seed % len(choices)]
