"""Mail to the lists of this host goes to them; all else goes to the relay."""

from listkit.mailman.patches import own_addresses


class Message:
    def as_bytes(self):
        return b"content"


class Delivery:
    """As much of Mailman's class `BaseDelivery` as matters here."""

    def __init__(self):
        self.relayed = []

    def _get_sender(self, mlist, msg, msgdata):
        return "members-bounces@example.org"

    def _deliver_to_recipients(self, mlist, msg, msgdata, recipients):
        self.relayed.append(recipients)
        return {recipient: (450, b"later") for recipient in recipients if recipient.startswith("refused")}


def deliver(recipients, refused=(), **metadata):
    handed_over = []

    def to_lmtp(sender, addresses, content):
        handed_over.append((sender, set(addresses), content))
        return dict.fromkeys(refused, (550, b"no"))

    patched = type("Patched", (Delivery,), dict(Delivery.__dict__))
    own_addresses.wrap(patched, lambda all_of_them: {one for one in all_of_them if "-owner@" in one}, to_lmtp)
    delivery = patched()
    answer = delivery._deliver_to_recipients(None, Message(), metadata, recipients)
    return answer, delivery.relayed, handed_over


def test_mail_to_others_is_relayed_as_before():
    assert deliver(["ana@example.net", "refused@example.net"]) == (
        {"refused@example.net": (450, b"later")},
        [["ana@example.net", "refused@example.net"]],
        [],
    )


def test_mail_to_own_addresses_alone_is_not_relayed():
    assert deliver(["members-owner@example.org"]) == (
        {},
        [],
        [("members-bounces@example.org", {"members-owner@example.org"}, b"content")],
    )


def test_mailmans_own_notice_is_marked_for_its_lists():
    _, _, [(_, _, content)] = deliver(["members-owner@example.org"], reduced_list_headers=True)
    assert content == b"X-List-Administrivia: yes\ncontent"


def test_both_kinds_are_split_and_refusals_of_both_returned():
    answer, relayed, _ = deliver(["a-owner@example.org", "refused@example.net"], refused=["a-owner@example.org"])
    assert answer == {"a-owner@example.org": (550, b"no"), "refused@example.net": (450, b"later")}
    assert relayed == [["refused@example.net"]]
