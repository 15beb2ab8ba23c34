"""HyperKitty's questions about rows are answered from memory as the database would answer them."""

from types import SimpleNamespace

import pytest

from listkit.archive import known_rows
from listkit.archive.known_rows import KnownList, KnownPosts, KnownSenders, replaced


class Missing(Exception):
    """Stands for Django's DoesNotExist."""


class Post(SimpleNamespace):
    """Stands for HyperKitty's Email."""

    DoesNotExist = Missing
    pk = None


class Senders:
    """The database's senders, which count how often they are asked."""

    def __init__(self):
        self.objects, self.asked = self, []

    def get_or_create(self, address):
        self.asked.append(address)
        return SimpleNamespace(address=address), len(self.asked) == 1


@pytest.fixture
def posts():
    return KnownPosts(Post, [Post(message_id="old@x", pk=7)])


def test_a_post_answers_one_that_is_stored_or_came_before_it_in_the_batch(posts):
    made = posts(mailinglist="l", message_id="new@x")
    made.pk = 8
    assert posts.objects.get(mailinglist="l", message_id="new@x") is made
    assert posts.objects.get(mailinglist="l", message_id="old@x").pk == 7
    with pytest.raises(posts.DoesNotExist):
        posts.objects.get(mailinglist="l", message_id="unknown@x")


def test_a_post_that_answers_itself_begins_a_thread(posts):
    posts(mailinglist="l", message_id="new@x")
    with pytest.raises(posts.DoesNotExist):
        posts.objects.get(mailinglist="l", message_id="new@x")


def test_a_message_id_exists_once_it_is_stored_unless_its_post_was_refused(posts):
    def exists(message_id):
        return posts.objects.filter(mailinglist="l", message_id=message_id).exists()

    assert (exists("old@x"), exists("new@x")) == (True, False)
    posts(mailinglist="l", message_id="new@x")
    assert exists("new@x")
    posts.forget("new@x")
    posts.forget("never made@x")
    assert (exists("old@x"), exists("new@x")) == (True, False)


def test_a_sender_is_looked_up_once_and_again_after_a_rollback():
    database = Senders()
    senders = KnownSenders(database)
    first = senders.objects.get_or_create(address="ana@x")
    assert first[1]
    assert senders.objects.get_or_create(address="ana@x") == (first[0], False)
    assert database.asked == ["ana@x"]
    senders.forget()
    senders.objects.get_or_create(address="ana@x")
    assert database.asked == ["ana@x", "ana@x"]


def test_any_number_of_senders_needs_bounded_memory(monkeypatch):
    monkeypatch.setattr(known_rows, "MOST_SENDERS", 10)
    senders = KnownSenders(Senders())
    for number in range(95):
        senders.get_or_create(address=f"p{number}@x")
    assert len(senders._known) <= 10


def test_only_the_list_that_is_imported_is_known():
    mailing_list = SimpleNamespace(name="l@x")
    assert KnownList(mailing_list).objects.get_or_create(name="l@x") == (mailing_list, False)
    with pytest.raises(ValueError, match=r"other@x is not l@x"):
        KnownList(mailing_list).objects.get_or_create(name="other@x")


def test_what_is_replaced_comes_back_after_a_failure():
    module = SimpleNamespace(Email="real", Sender="real")
    with pytest.raises(LookupError), replaced(module, Email="stand-in"):
        assert (module.Email, module.Sender) == ("stand-in", "real")
        raise LookupError
    assert module.Email == "real"
