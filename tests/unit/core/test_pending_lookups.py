"""Which pending requests Mailman loads. The classes here are Mailman's."""

import json
from types import SimpleNamespace

import pytest

from listkit.mailman.patches import pending_lookups

REQUESTS = [
    *({"type": "subscription", "email": f"reader{number}@example.org"} for number in range(20)),
    {"type": "unsubscription", "email": "reader7@example.org"},
    *({"type": "held message", "id": number} for number in range(20)),
    *({"type": "data", "id": number} for number in range(20)),
]


class Query(list):
    """The requests that a query finds."""

    def filter(self, condition):
        return Query(filter(condition, self))


class Pended:
    """A row, whose values are JSON."""

    class key_values:
        @staticmethod
        def any(key, value):
            return lambda request: json.dumps(request.get(key)) == value


class Mailman:
    """As much of Mailman as the patch touches. `loaded`: the requests that it loaded."""

    def __init__(self):
        world = self
        world.loaded = []

        class Pendings:
            def _query(self, mlist, pend_type, token_owner, held_msgid):
                return Query(request for request in REQUESTS if request["type"] == pend_type)

            def find(self, mlist=None, pend_type=None, confirm=True, token_owner=None, held_msgid=None):
                for request in self._query(mlist, pend_type, token_owner, held_msgid):
                    world.loaded.append(request)
                    yield request

        class SubscriptionWorkflow:
            def __init__(self, email):
                self.address, self.email = None, email

            def _step_sanity_checks(self):
                self.address = SimpleNamespace(email=self.email)
                found = world.pendings.find(pend_type="subscription")
                if any(request["email"] == self.address.email for request in found):
                    raise ValueError("pending")

        def handle_message(mlist, id, action, comment=None, forward=None):
            held = [request for request in world.pendings.find(pend_type="held message") if request["id"] == id]
            return held, len(list(world.pendings.find(pend_type="data")))

        pending_lookups.wrap_pendings(Pendings, Pended)
        pending_lookups.wrap_subscription(SubscriptionWorkflow)
        self.pendings = Pendings()
        self.workflow = SubscriptionWorkflow
        self.handle_message = pending_lookups.wrap_decision(handle_message)


@pytest.fixture
def mailman():
    return Mailman()


def test_a_request_to_join_loads_no_others(mailman):
    mailman.workflow("newcomer@example.org")._step_sanity_checks()
    assert mailman.loaded == []


def test_an_earlier_request_of_the_address_is_found(mailman):
    with pytest.raises(ValueError, match="pending"):
        mailman.workflow("reader7@example.org")._step_sanity_checks()
    assert mailman.loaded == [{"type": "subscription", "email": "reader7@example.org"}]


def test_a_decision_on_a_held_post_loads_its_token_and_finds_the_other_requests_as_before(mailman):
    held, others = mailman.handle_message(None, 7, "discard")
    assert held == [{"type": "held message", "id": 7}]
    assert others == 20
    assert [request["type"] for request in mailman.loaded].count("held message") == 1


def test_afterwards_all_are_found_again(mailman):
    with pytest.raises(ValueError, match="pending"):
        mailman.workflow("reader7@example.org")._step_sanity_checks()
    assert len(list(mailman.pendings.find(pend_type="subscription"))) == 20
