"""Which of Mailman's messages answer mail from outside, and how they are marked. The classes here are Mailman's."""

from email.message import Message

import pytest

from listkit.common.answers import HEADER
from listkit.mailman.patches import automatic_answers, email_commands, held_post_notices

MEMBERS = {"ben@example.com"}


class Mailman:
    """As much of Mailman as the patches touch: a runner, its notices, a command, and the handler that sends."""

    def __init__(self):
        world = self

        class UserNotification:
            def __init__(self, *recipients):
                self.recipients = set(recipients)

            def send(self, mlist, *, add_precedence=True, **_kws):
                metadata = {"recipients": self.recipients, **_kws}
                world.sent.append((metadata, add_precedence))

        class OwnerNotification(UserNotification):
            pass

        class Confirm:
            def process(self, mlist, msg, msgdata, arguments, results):
                UserNotification("welcome@example.com").send(mlist)

        class Runner:
            def _dispose(self, mlist, msg, msgdata):
                return msg()

        class ToOutgoing:
            def process(self, mlist, msg, msgdata):
                world.marks.append(msg.get_all(HEADER))

        self.sent, self.marks = [], []
        self.user, self.owner, self.confirm, self.outgoing = UserNotification, OwnerNotification, Confirm, ToOutgoing
        automatic_answers.wrap_runner(Runner)
        automatic_answers.wrap_notification(UserNotification, OwnerNotification)
        automatic_answers.wrap_confirmation(Confirm, lambda token: token == "valid")
        automatic_answers.wrap_outgoing(ToOutgoing, MEMBERS.__contains__)
        self.runner = Runner()

    def mark(self, message=None, **metadata):
        """The mark of a message that leaves."""
        self.outgoing().process(None, message or Message(), metadata)
        return self.marks.pop()

    def marks_of_sent(self):
        return [self.mark(**metadata) for metadata, _ in self.sent]


@pytest.fixture
def mailman():
    return Mailman()


def test_an_answer_to_mail_from_outside_is_marked_by_its_recipient(mailman):
    def handled():
        mailman.user("ana@example.com").send(None, add_precedence=False)
        mailman.user("ben@example.com").send(None)
        mailman.owner("owner@example.com").send(None)
        return "disposed"

    assert mailman.runner._dispose(None, handled, {}) == "disposed"
    assert mailman.marks_of_sent() == [["stranger"], ["member"], ["owners"]]
    assert [precedence for _, precedence in mailman.sent] == [False, True, True]


def test_what_a_person_decided_in_the_web_interface_is_not_marked(mailman):
    mailman.runner._dispose(None, lambda: None, {})
    mailman.user("ana@example.com").send(None)
    mailman.owner("owner@example.com").send(None)
    assert mailman.marks_of_sent() == [None, None]


def test_a_runner_that_fails_leaves_nothing_behind(mailman):
    with pytest.raises(ZeroDivisionError):
        mailman.runner._dispose(None, lambda: 1 / 0, {})
    mailman.user("ana@example.com").send(None)
    assert mailman.marks_of_sent() == [None]


@pytest.mark.parametrize(("token", "mark"), [("valid", None), ("guess", ["stranger"])])
def test_a_valid_confirmation_proves_the_sender(mailman, token, mark):
    def confirm():
        mailman.confirm().process(None, None, {}, [token], None)

    mailman.runner._dispose(None, confirm, {})
    assert mailman.marks_of_sent() == [mark]


def test_a_request_for_confirmation_is_an_answer_and_an_invitation_is_not(mailman):
    request = automatic_answers.confirmation_request(lambda event, template: mailman.user(event).send(None))
    request("ana@example.com", "list:user:action:subscribe")
    request("ana@example.com", "list:user:action:invite")
    assert mailman.marks_of_sent() == [["stranger"], None]


def test_mail_to_a_lists_owners_is_marked(mailman):
    assert mailman.mark(to_owner=True, recipients={"ben@example.com"}) == ["owners"]


@pytest.mark.parametrize("metadata", [{}, {"recipients": {"ben@example.com"}}])
def test_nobody_outside_writes_the_mark(mailman, metadata):
    post = Message()
    post[HEADER] = "owners"
    post[HEADER.lower()] = "member"
    assert mailman.mark(post, **metadata) is None


def test_an_answer_to_several_is_a_strangers_if_one_is(mailman):
    both = {"recipients": {"ben@example.com", "ana@example.com"}, "listkit_answer": "recipient"}
    assert mailman.mark(**both) == ["stranger"]


# Held posts


def test_moderators_hear_of_many_held_posts_once_a_day(mailman):
    class HoldChain:
        def _process(self, mlist, msg, msgdata):
            mailman.user("author@example.com").send(mlist)
            mailman.user("list-owner@example.org").send(mlist)

    class MailingList:
        fqdn_listname = "list@example.org"
        held = 5

    def is_notice_of_many(mlist, message):
        return mlist.held > 5 and message.recipients == {"list-owner@example.org"}

    held_post_notices.wrap(HoldChain, mailman.user, is_notice_of_many)
    mlist = MailingList()
    HoldChain()._process(mlist, None, {})
    mlist.held = 6
    HoldChain()._process(mlist, None, {})
    mailman.user("list-owner@example.org").send(mlist)
    recipients = [next(iter(metadata["recipients"])) for metadata, _ in mailman.sent]
    assert recipients == [
        "author@example.com",
        "list-owner@example.org",
        "author@example.com",
        "list-owner@example.org",
    ]


# Commands


class Roster(set):
    def get_member(self, address):
        return address if address in self else None


class MailingList:
    members = Roster({"ben@example.com"})
    owners = Roster({"owner@example.com"})
    administrators = Roster({"owner@example.com", "moderator@example.com"})


class Mail:
    def __init__(self, sender):
        self.sender = sender


def lines_of(sender, *lines):
    """What Mailman carries out of such a mail, and what it calls ignored."""

    class CommandFinder:
        def __init__(self, msg, msgdata, results):
            self.command_lines, self.ignored_lines = list(lines), ["the rest"]

        def __iter__(self):
            while self.command_lines:
                if words := self.command_lines.pop(0).split():
                    yield words

    email_commands.wrap_finder(CommandFinder, {"join", "help"}, lambda msgdata: msgdata["list"])
    finder = CommandFinder(Mail(sender), {"list": MailingList}, None)
    carried_out = []
    for words in finder:
        carried_out.append(" ".join(words))
        words.clear()  # as the runner does
    return carried_out, finder.ignored_lines


@pytest.mark.parametrize("sender", ["ana@example.com", "", None])
def test_a_strangers_mail_is_one_command(sender):
    lines = ("Please", "", "re: join", "help", "join")
    assert lines_of(sender, *lines) == (["Please", "re: join"], ["help", "join", "the rest"])


@pytest.mark.parametrize("sender", ["ben@example.com", "owner@example.com", "moderator@example.com"])
def test_a_members_mail_has_many_commands(sender):
    assert lines_of(sender, "help", "join", "help") == (["help", "join", "help"], ["the rest"])


@pytest.mark.parametrize(
    ("sender", "arguments", "goes_on"),
    [
        ("ana@example.com", [], True),
        ("ana@example.com", ["digest=no"], True),
        ("Ana@example.com", ["address=ana@example.com"], True),
        ("ana@example.com", ["address=victim@example.com"], False),
        ("ana@example.com", ["address=ana@example.com", "address=victim@example.com"], False),
        ("ben@example.com", ["digest=no", "address=victim@example.com"], False),
        ("owner@example.com", ["address=victim@example.com"], True),
        ("moderator@example.com", ["address=victim@example.com"], False),
        ("", ["address=victim@example.com"], False),
    ],
)
def test_only_owners_subscribe_others(sender, arguments, goes_on):
    answer, results = join(sender, *arguments)
    assert answer == ("goes on" if goes_on else "stop")
    assert ("Only the list's owners" in "".join(results)) is not goes_on
    assert results.send_response or goes_on


@pytest.mark.parametrize(
    ("sender", "outcome", "has_results"),
    [
        ("ana@example.com", "confirmation sent", False),
        ("ana@example.com", "already pending", True),
        ("ana@example.com", "stop", True),
        ("ben@example.com", "confirmation sent", True),
        ("owner@example.com", "confirmation sent", True),
    ],
)
def test_a_stranger_gets_the_confirmation_or_the_results(sender, outcome, has_results):
    assert join(sender, outcome=outcome)[1].send_response is has_results


@pytest.mark.parametrize("outcome", ["confirmation sent", "stop"])
def test_a_mail_to_the_address_for_joining_has_no_results(outcome):
    assert join("ana@example.com", outcome=outcome, send_response=False)[1].send_response is False


class Results(list):
    """Mailman's results: lines, and whether they are sent."""

    write = list.append
    send_response = True


def join(sender, *arguments, outcome="goes on", send_response=True):
    """Carry `join` out; return what is done with the rest of the mail, and the results."""

    class Join:
        def process(self, mlist, msg, msgdata, arguments, results):
            if outcome == "already pending":
                results.send_response = True
            return outcome

    email_commands.wrap_join(Join, "stop")
    results = Results()
    results.send_response = send_response
    return Join().process(MailingList, Mail(sender), {}, list(arguments), results), results
