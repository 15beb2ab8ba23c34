"""What a form has to have, to be a person's."""

import sys
import time
from types import ModuleType

import pytest

from listkit.web.patches import public_forms


class BadSignatureError(Exception):
    """Stands for Django's."""


@pytest.fixture(autouse=True)
def used(monkeypatch) -> set[str]:
    """As much of Django as is needed; the tokens that are used up."""
    used: set[str] = set()

    def add(key: str, value: int, seconds: int) -> bool:
        is_new = key not in used
        used.add(key)
        return is_new

    def loads(signed, salt, max_age):
        if not isinstance(signed, dict) or time.time() - signed["issued"] > max_age:
            raise BadSignatureError
        return signed

    core, signing, cache = ModuleType("django.core"), ModuleType("signing"), ModuleType("cache")
    vars(signing).update(dumps=lambda value, salt: value, loads=loads, BadSignature=BadSignatureError)
    cache.cache = ModuleType("cache")
    cache.cache.add = add
    vars(core).update(signing=signing)
    for name, module in {"django": ModuleType("django"), "django.core": core, "django.core.cache": cache}.items():
        monkeypatch.setitem(sys.modules, name, module)
    return used


def form(age_seconds: float, **fields) -> dict:
    """A form whose page was fetched that long ago."""
    return {"moment": {**public_forms.issue_token(), "issued": time.time() - age_seconds}, "website": "", **fields}


def test_a_form_is_accepted_once():
    sent = form(age_seconds=10)
    assert public_forms.is_human(sent)
    assert not public_forms.is_human(sent)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({}, id="no token"),
        pytest.param({"moment": "x"}, id="a token of its own making"),
        pytest.param({"age_seconds": 1}, id="too early"),
        pytest.param({"age_seconds": 25 * 3600}, id="too late"),
        pytest.param({"age_seconds": 10, "website": "https://example.org"}, id="the trap is filled in"),
    ],
)
def test_a_robot_s_form_is_refused_and_uses_nothing_up(sent, used):
    assert not public_forms.is_human(form(**sent) if "age_seconds" in sent else sent)
    assert used == set()
