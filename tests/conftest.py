"""What all tests share: a lab to work in, and the stand-in mail service."""

import os
from collections.abc import Iterator

import pytest

from infomaniak import StandIn
from lab import Lab


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--lab NAME` works in a lab that is kept, and reused the next time."""
    parser.addoption(
        "--lab", metavar="NAME", help="use this lab and keep it; default: a new one, taken down at the end"
    )
    parser.addoption(
        "--alternate",
        action="store_true",
        help="run each end-to-end test on the sites that e2e/sites.py assigns it to; default: on every site",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register our markers."""
    config.addinivalue_line("markers", "lab: needs hosts of a lab, and so root")
    config.addinivalue_line("markers", "one_release: the same on every site and expensive; runs on one site only")
    config.addinivalue_line("markers", "every_release: differs by Debian release; runs on both, also with --alternate")
    config.addinivalue_line("markers", "split: differs by topology; runs on the split site too, also with --alternate")
    config.addinivalue_line("markers", "same_site: with --alternate, runs on the same site as the rest of its module")
    config.addinivalue_line("markers", "slow: takes minutes; `make test-long` runs it")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A failure prints what the hosts' journals say of the test's time, which explains it."""
    report = yield
    if report.failed and (stand_in := _stand_in_of(item)):
        report.sections.append(("journals", stand_in.journals(since=call.start)))
    return report


def _stand_in_of(item: pytest.Item) -> StandIn | None:
    """The stand-in that a test uses, if it does."""
    fixtures = getattr(item, "funcargs", {})
    return fixtures.get("stand_in") or getattr(fixtures.get("deployment"), "stand_in", None)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An empty lab, or the one that `--lab` names."""
    if name := request.config.getoption("--lab"):
        yield Lab.up(name)
        return
    made = Lab.up(f"pytest-{os.getpid()}")
    yield made
    made.down()


@pytest.fixture(scope="session")
def stand_in(lab: Lab) -> StandIn:
    """The stand-in mail service and the strict receiver."""
    return StandIn.up(lab)
