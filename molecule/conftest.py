"""The deployed hosts of a scenario, one after the other, as testinfra sees them."""

import os

import pytest
import testinfra

from deployment import Deployment, Site
from lab import Host

SCENARIO = os.environ.get("MOLECULE_SCENARIO_NAME", "trixie")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for a `node` on each host."""
    if "node" in metafunc.fixturenames:
        sites = Deployment.load(f"molecule-{SCENARIO}").sites.values()
        metafunc.parametrize("node", [host for site in sites for host in site.hosts], ids=lambda host: host.name)


@pytest.fixture
def deployment() -> Deployment:
    """The scenario's lab."""
    return Deployment.load(f"molecule-{SCENARIO}")


@pytest.fixture
def site(deployment: Deployment, node: Host) -> Site:
    """The site that the host under test belongs to."""
    return next(site for site in deployment.sites.values() if node in site.hosts)


@pytest.fixture
def components(site: Site, node: Host) -> list[str]:
    """What is on the host under test: `core`, `web`, `database`."""
    places = {"core": site.host, "web": site.web, "database": site.database}
    return [component for component, host in places.items() if host == node]


@pytest.fixture
def machine(node: Host, deployment: Deployment) -> testinfra.host.Host:
    """The host under test, as root."""
    # testinfra's own `host` fixture is bound to the command line; ours follows the lab.
    return testinfra.get_host(f"ansible://{node.name}", ansible_inventory=str(deployment.inventory), sudo=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A failure prints the end of the host's journal, which explains it."""
    report = (yield).get_result()
    if report.when == "call" and report.failed and "node" in item.funcargs:
        report.sections.append(("journal", item.funcargs["node"].journal(60)))
