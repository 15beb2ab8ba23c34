"""The mail service's verdicts count, and nobody else's in its name."""

from email import message_from_string

import pytest

from listkit.common.message.header import Field
from listkit.common.provider_marks import genuine, remove, suspicion

PASS = "Authentication-Results: mx.infomaniak.com; dmarc=pass header.from=example.com"
FAIL = "Authentication-Results: mx.infomaniak.com; dmarc=fail (p=reject dis=none) header.from=example.com"
SPF = "Authentication-Results: mx.infomaniak.com 1; spf=pass smtp.mailfrom=example.com"
BOTH = "Authentication-Results: mx.infomaniak.com; dkim=pass; dmarc=pass"
OTHER = "Authentication-Results: mx.example.net; dmarc=fail"
SPAM, HAM = "X-Infomaniak-Spam: spam", "X-Infomaniak-Spam: ham"


def kept(*lines):
    fields = [Field(line.partition(":")[0].lower(), f"{line}\r\n".encode()) for line in lines]
    return [field.raw.decode().strip() for field in genuine(fields)]


@pytest.mark.parametrize(
    ("lines", "forged"),
    [
        ((SPF, FAIL, PASS), [PASS]),
        ((SPF, FAIL, BOTH), [BOTH]),
        ((SPF, FAIL, FAIL), [FAIL]),
        ((FAIL, SPF, OTHER), []),
        ((HAM, SPAM), [SPAM]),
        ((SPAM, "X-INFOMANIAK-SPAM: ham"), ["X-INFOMANIAK-SPAM: ham"]),
        ((FAIL, "Authentication-Results: MX.Infomaniak.com; DMARC = pass"), None),
        ((FAIL, 'Authentication-Results: (a; b) mx.infomaniak.com; dmarc=pass reason="c"'), None),
    ],
)
def test_the_top_most_verdicts_are_kept(lines, forged):
    wanted = list(lines)
    for line in [lines[-1]] if forged is None else forged:
        del wanted[len(wanted) - 1 - wanted[::-1].index(line)]
    assert kept(*lines) == wanted


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], None),
        ([PASS], None),
        ([OTHER], None),
        ([SPF, FAIL], "DMARC fails"),
        ([FAIL, PASS], "DMARC fails"),
        ([PASS, FAIL], None),
        (["Authentication-Results: mx.infomaniak.com; dmarc=none; spf=fail"], None),
        (['Authentication-Results: mx.infomaniak.com; dmarc=pass (dmarc=fail) reason="; dmarc=fail"'], None),
        (["Authentication-Results: mx.infomaniak.com;\n dkim=none;\n DMARC=Fail"], "DMARC fails"),
        ([SPAM], "marked the message as spam"),
        ([HAM], None),
        (["X-Infomaniak-Spam: "], None),
        (["X-Infomaniak-Spam: no"], None),
        (["X-Infomaniak-Spam: Yes, score=12"], "marked the message as spam"),
    ],
)
def test_what_asks_for_a_moderator(lines, reason):
    found = suspicion(message_from_string("\n".join([*lines, "Subject: Hello", "", "Hello.\n"])))
    assert reason in found if reason else found is None


def test_what_is_sent_on_has_no_verdicts():
    message = message_from_string("\n".join([SPAM, FAIL, OTHER, SPF, "Subject: Hello", "", "Hello.\n"]))
    remove(message)
    assert message.as_string().splitlines()[:2] == ["Subject: Hello", OTHER]
