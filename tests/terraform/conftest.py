"""The stand-in cloud for a whole run, and workspaces in it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "openstack"))

from project import connect
from publiccloud import machines
from publiccloud.cloud import Cloud
from workspace import Workspace

import openstack
from lab import Lab, keys


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; what the SDK and openstack.cloud do to each other in the old way isn't ours to mend."""
    config.addinivalue_line("filterwarnings", "ignore:The openstack.version module:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore::openstack.warnings._RemovedInSDKWarning")
    config.addinivalue_line("markers", "cloud: needs the stand-in cloud, and root to boot it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m cloud` and `-m "not cloud"` tell the tests that need the cloud from the cheap ones."""
    for item in items:
        if "cloud" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cloud)


@pytest.fixture(scope="session")
def cloud(lab: Lab) -> Cloud:
    """The cloud, whose servers exist in its books only."""
    return Cloud.up(lab)


@pytest.fixture
def hypervisor(lab: Lab, cloud: Cloud) -> Iterator[None]:
    """Servers boot."""
    with machines.agent(lab):
        yield


@pytest.fixture(scope="session")
def customer(cloud: Cloud) -> openstack.connection.Connection:
    """The customer's own view of the cloud."""
    return connect(cloud.openrc())


@pytest.fixture(scope="session")
def operator(cloud: Cloud) -> openstack.connection.Connection:
    """The view of whoever runs the cloud."""
    return connect(cloud.admin())


@pytest.fixture(scope="session")
def public_key() -> str:
    """The operator's public key; its private half is the lab's."""
    return keys.public(keys.ensure().login)


@pytest.fixture(scope="session")
def workspaces(cloud: Cloud, public_key: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workspace]:
    """Makes a workspace: `workspaces(name, **settings)`."""

    def make(name: str, **settings: object) -> Workspace:
        required = {
            "name": name,
            "fqdn": "lists.example.org",
            "ssh_allowed_cidrs": ["203.0.113.7/32", "2001:DB8:7::/64"],
            "ssh_public_key": public_key,
        }
        directory = tmp_path_factory.mktemp(name) / "terraform"
        return Workspace(directory, cloud.openrc(), required | settings)

    return make
