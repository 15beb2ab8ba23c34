"""Which senders are users of Mailman is learned from a few large answers."""

from types import SimpleNamespace

from listkit.web.patches import archive_senders


def address(number: int, **more: str) -> dict[str, str]:
    """An address as Mailman's REST API describes it."""
    return {"email": f"p{number}@example.org", **more}


def test_every_user_is_found_with_a_request_for_each_500_addresses(monkeypatch):
    known = [address(number, user=f"http://127.0.0.1:8001/3.1/users/{number:x}") for number in range(1000)]
    known += [address(1000), {"email": "Ana@Example.org", "user": "http://127.0.0.1:8001/3.1/users/ab12"}]
    requests = []

    def entries(path):
        requests.append(path)
        start = 500 * (len(requests) - 1)
        return known[start : start + 500]

    users = list(archive_senders.known_users(SimpleNamespace(entries=entries)))
    assert requests == [f"addresses?count=500&page={page}" for page in (1, 2, 3)]
    assert [len(page) for page in users] == [500, 500, 1]
    assert (users[0]["p10@example.org"], users[2]) == ("a", {"ana@example.org": "ab12"})
