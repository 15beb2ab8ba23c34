"""Every error code of the provider's description is explained, with advice."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils.errors import EXPLANATIONS, STATUSES, explain

from infomaniak_api.table import routes


def codes():
    return {code for route in routes().values() for codes in route["errors"].values() for code in codes}


def test_every_code_is_explained_and_none_is_made_up():
    assert set(EXPLANATIONS) == codes()


@pytest.mark.parametrize("explanation", [*EXPLANATIONS.values(), *STATUSES.values()])
def test_explanations_are_two_sentences(explanation):
    problem, advice = explanation
    assert problem[0].isupper() and problem.endswith(".") and advice[0].isupper() | advice.startswith("https")
    assert advice.endswith(".") and problem != advice


def test_answers_without_a_known_code():
    assert "may not do this" in explain(403, "some_new_code")
    assert "API fails" in explain(503, None)
    assert explain(418, None) == "Infomaniak refused the request."
    assert "in the Manager instead; for device passwords" in explain(501, "not_implemented")
