"""The deployed hosts: those of the lab `LISTKIT_LAB`, which `make molecule` deploys."""

import json
import os
import secrets
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e import sites
from e2e.browser import Browser
from e2e.mailing import MailingList
from e2e.website import WebSite, archiving
from lab import places

LAB = os.environ.get("LISTKIT_LAB", "molecule-trixie")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for a `release` on each site of the deployment, or on the first if one is enough."""
    if "release" in metafunc.fixturenames:
        file = places.labs() / LAB / "sites.json"
        names = json.loads(file.read_text()) if file.exists() else ["nothing-deployed"]
        if metafunc.definition.get_closest_marker("one_release") and not metafunc.config.getoption("--alternate"):
            names = names[:1]
        metafunc.parametrize("release", names, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--alternate`, leave out the tests that run on other sites."""
    if config.getoption("--alternate"):
        chosen = [item for item in items if _runs_here(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def _runs_here(item: pytest.Item) -> bool:
    site = item.callspec.params.get("release") if hasattr(item, "callspec") else None
    if site not in sites.SITES:
        return True
    # The closest marker counts.
    markers = {marker.name: marker.args[0] if marker.args else "" for marker in [*item.iter_markers()][::-1]}
    return site in sites.assigned(sites.case(item.nodeid, site), markers)


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    """The lab with the deployed hosts and the stand-in mail service."""
    return Deployment.load(LAB)


@pytest.fixture
def mailing_list(deployment: Deployment, release: str) -> Iterator[MailingList]:
    """A new list on one of the hosts, made by REST and without a style, as a program of the operator's would."""
    made = MailingList(deployment, deployment.sites[release], f"t{secrets.token_hex(3)}")
    made.create()
    yield made
    made.delete()


@pytest.fixture
def declared_list(deployment: Deployment, release: str) -> MailingList:
    """The list `members`, which the inventory declares."""
    return MailingList(deployment, deployment.sites[release], "members")


@pytest.fixture(scope="module")
def website(deployment: Deployment, release: str) -> WebSite:
    """The web interface under test."""
    return WebSite.of(deployment.sites[release])


@pytest.fixture(scope="module")
def superuser(website: WebSite) -> Browser:
    """The superuser, logged in."""
    return website.superuser()


@pytest.fixture
def public_list(website: WebSite, mailing_list: MailingList) -> Iterator[str]:
    """The address of a list whose archive everybody may read."""
    with archiving(website, mailing_list, "public") as address:
        yield address
