"""`--alternate` spreads the end-to-end tests over the sites and leaves none out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from e2e import sites

ROOT = Path(__file__).resolve().parents[2]
LABS = {"molecule-default": sites.RELEASES, "molecule-split": (sites.SPLIT,)}
Collected = dict[str, set[str]]
"""Test → sites."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab cache in which both scenarios seem to be deployed."""
    cache = tmp_path_factory.mktemp("cache")
    for lab, names in LABS.items():
        (cache / "labs" / lab).mkdir(parents=True)
        (cache / "labs" / lab / "sites.json").write_text(json.dumps(names))
    return cache


def collect(cache: Path, *words: str) -> Collected:
    """The end-to-end tests that pytest would run on the sites of both labs."""
    found = defaultdict(set)
    for lab, names in LABS.items():
        argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*argv, "-m", "not slow", *words],
            env=os.environ | {"LAB_CACHE": str(cache), "LISTKIT_LAB": lab},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for node_id in filter(lambda line: "::" in line, done.stdout.splitlines()):
            parameters = node_id.partition("[")[2].removesuffix("]").split("-")
            [site] = set(parameters) & set(names)
            found[sites.case(node_id, site)].add(site)
    return found


@pytest.fixture(scope="module")
def everywhere(cache: Path) -> Collected:
    """The whole matrix."""
    return collect(cache, "tests/e2e")


@pytest.fixture(scope="module")
def alternately(cache: Path) -> Collected:
    """What `make test` runs."""
    return collect(cache, "tests/e2e", "--alternate")


def test_no_test_is_left_out(everywhere: Collected, alternately: Collected):
    assert alternately.keys() == everywhere.keys()
    assert len(alternately) > 200


def test_the_sites_get_similar_shares(alternately: Collected):
    alone = Counter(site for chosen in alternately.values() if len(chosen) == 1 for site in chosen)
    assert all(0.2 < alone[site] / alone.total() < 0.5 for site in sites.SITES), alone


def test_a_selection_runs_where_it_would_run_among_all(cache: Path, alternately: Collected):
    selected = collect(cache, "tests/e2e/test_mail.py", "--alternate")
    assert selected == {case: chosen for case, chosen in alternately.items() if "test_mail.py" in case}


def test_both_releases_get_what_may_differ_by_release(alternately: Collected):
    join = "tests/e2e/test_mail.py::test_join_and_leave_by_mail[]"
    assert alternately[join] == set(sites.RELEASES)


@pytest.mark.parametrize(
    ("markers", "least", "most"),
    [
        ((), 1, 1),
        (("every_release",), 2, 2),
        (("split",), 2, 2),
        (("every_release", "split"), 3, 3),
        (("every_release", "one_release"), 1, 1),
    ],
)
def test_markers_add_sites(markers: tuple[str, ...], least: int, most: int):
    chosen = [sites.assigned(f"tests/e2e/test_x.py::test_{number}[]", markers) for number in range(60)]
    assert {len(names) for names in chosen} == set(range(least, most + 1))
    assert set().union(*chosen) >= set(sites.RELEASES)
    if "split" in markers:
        assert all(sites.SPLIT in names for names in chosen)


def test_a_module_can_stay_together():
    one, other = (sites.assigned(f"tests/e2e/test_x.py::test_{name}[]", {"same_site"}) for name in "ab")
    assert one == other


def test_the_name_of_a_test_is_the_same_on_every_site():
    nodes = {site: f"tests/e2e/test_split.py::test_split[a-{site}-split]" for site in sites.SITES}
    # The split site's own name may come up in another parameter.
    assert {sites.case(node, site) for site, node in nodes.items()} == {"tests/e2e/test_split.py::test_split[a-split]"}
