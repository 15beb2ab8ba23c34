"""The deployed hosts: those of the lab `LISTKIT_LAB`, which `make molecule` deploys."""

import json
import os
import secrets
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e.mailing import MailingList
from lab import places

LAB = os.environ.get("LISTKIT_LAB", "molecule-default")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for a `release` on each host of the deployment."""
    if "release" in metafunc.fixturenames:
        sites = places.labs() / LAB / "sites.json"
        names = json.loads(sites.read_text()) if sites.exists() else ["nothing-deployed"]
        metafunc.parametrize("release", names, scope="session")


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
