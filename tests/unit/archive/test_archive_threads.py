"""The posts of a thread are in the order in which they answer each other."""

from listkit.archive.threads import positions


def test_answers_follow_what_they_answer_in_the_order_of_their_dates():
    posts = [(1, None), (2, 1), (3, 1), (4, 2), (5, 1)]
    found = positions(posts, 1)
    assert sorted(found, key=lambda post: found[post].order) == [1, 2, 4, 3, 5]
    assert [found[post].depth for post in (1, 2, 4, 3, 5)] == [0, 1, 2, 1, 1]


def test_a_thread_may_be_deeper_than_pythons_stack():
    found = positions([(number, number - 1 or None) for number in range(1, 5001)], 1)
    assert found[5000] == (4999, 4999)


def test_a_circle_ends_where_it_began():
    assert positions([(1, 3), (2, 1), (3, 2)], 1) == {1: (0, 0), 2: (1, 1), 3: (2, 2)}
