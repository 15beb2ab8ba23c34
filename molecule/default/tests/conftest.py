"""The deployed hosts of this scenario, one after the other, as testinfra sees them."""

import os

import pytest
import testinfra

from deployment import Deployment, Site

SCENARIO = os.environ.get("MOLECULE_SCENARIO_NAME", "default")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on each host."""
    if "site" in metafunc.fixturenames:
        metafunc.parametrize(
            "site", Deployment.load(f"molecule-{SCENARIO}").sites.values(), ids=lambda site: site.host.name
        )


@pytest.fixture
def deployment() -> Deployment:
    """The scenario's lab."""
    return Deployment.load(f"molecule-{SCENARIO}")


@pytest.fixture
def machine(site: Site, deployment: Deployment) -> testinfra.host.Host:
    """The host under test, as root."""
    # testinfra's own `host` fixture is bound to the command line; ours follows the lab.
    return testinfra.get_host(f"ansible://{site.host.name}", ansible_inventory=str(deployment.inventory), sudo=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A failure prints the end of the host's journal, which explains it."""
    report = (yield).get_result()
    if report.when == "call" and report.failed and "site" in item.funcargs:
        report.sections.append(("journal", item.funcargs["site"].host.journal(60)))
