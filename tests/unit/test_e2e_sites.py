"""`--alternate` spreads the end-to-end tests over the sites and leaves none out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml

from e2e import sites

ROOT = Path(__file__).resolve().parents[2]
LAB = "all-sites"
Collected = dict[str, set[str]]
"""Test → sites."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab cache in which all sites seem to be deployed."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "labs" / LAB).mkdir(parents=True)
    (cache / "labs" / LAB / "sites.json").write_text(json.dumps(sites.SITES))
    return cache


def collect(cache: Path, *words: str) -> Collected:
    """The end-to-end tests that pytest would run."""
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*argv, "-m", "not slow", *words],
        env=os.environ | {"LAB_CACHE": str(cache), "LISTKIT_LAB": LAB},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = defaultdict(set)
    for node_id in filter(lambda line: "::" in line, done.stdout.splitlines()):
        [site] = set(node_id.partition("[")[2].removesuffix("]").split("-")) & set(sites.SITES)
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
    chosen = alternately["tests/e2e/test_mail.py::test_join_and_leave_by_mail[]"]
    assert {sites.COMPONENTS[site]["core"] for site in chosen} == set(sites.RELEASES)


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ({}, [{"trixie"}, {"bookworm"}, {"split"}]),
        ({"split": ""}, [{"trixie", "split"}, {"bookworm", "split"}]),
        ({"every_release": ""}, [{"trixie", "bookworm"}]),
        ({"every_release": "", "split": ""}, [{"trixie", "bookworm", "split"}]),
        ({"every_release": "", "one_release": ""}, [{"trixie"}, {"bookworm"}, {"split"}]),
        ({"every_release": "core"}, [{"trixie", "bookworm"}, {"split", "bookworm"}]),
        ({"every_release": "core", "split": ""}, [{"split", "bookworm"}]),
        ({"every_release": "web"}, [{"trixie", "bookworm"}, {"trixie", "split"}]),
        ({"every_release": "web", "split": ""}, [{"trixie", "split"}]),
    ],
)
def test_markers_choose_sites(markers: dict[str, str], expected: list[set[str]]):
    chosen = {sites.assigned(f"tests/e2e/test_x.py::test_{number}[]", markers) for number in range(60)}
    assert chosen == set(map(frozenset, expected))


def test_the_tests_of_a_module_can_run_on_the_same_site():
    one, other = (sites.assigned(f"tests/e2e/test_x.py::test_{name}[]", {"same_site": ""}) for name in "ab")
    assert one == other


def test_they_run_where_a_deployment_is_cheapest():
    chosen = {sites.assigned(f"tests/e2e/test_{number}.py::test_x[]", {"same_site": ""}) for number in range(60)}
    assert chosen == {frozenset({"trixie"}), frozenset({"bookworm"})}


def test_the_split_site_has_the_releases_that_the_choice_assumes():
    [play] = yaml.safe_load((ROOT / "molecule/split/create.yml").read_text())
    [hosts] = play["vars"]["create_hosts"]
    core, web, _ = (image.removeprefix("kit-") for image in hosts.partition("=")[2].split(","))
    assert sites.COMPONENTS["split"] == {"core": core, "web": web}


def test_the_name_of_a_test_is_the_same_on_every_site():
    nodes = {site: f"tests/e2e/test_split.py::test_split[a-{site}-split]" for site in sites.SITES}
    # The split site's own name may come up in another parameter.
    assert {sites.case(node, site) for site, node in nodes.items()} == {"tests/e2e/test_split.py::test_split[a-split]"}
