"""Messages as tests write and read them."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid


def compose(sender: str, to: str, subject: str, body: str = "Hello.\n", **headers: str) -> EmailMessage:
    """A plain message. `headers` adds more, with underscores for hyphens: `In_Reply_To=…`."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


class Received:
    """A message that has arrived."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.message: EmailMessage = message_from_bytes(raw, policy=policy.default)

    def __getitem__(self, name: str) -> str:
        """A header's value; empty without one."""
        return str(self.message[name] or "")

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [str(value) for value in self.message.get_all(name, [])]

    @property
    def text(self) -> str:
        """The plain text."""
        part = self.message.get_body(preferencelist=("plain",))
        return part.get_content() if part else ""

    @property
    def verdicts(self) -> str:
        """What the receiver found out about DKIM, SPF and DMARC: all Authentication-Results, in one string."""
        return "\n".join(self.all("Authentication-Results"))

    def __repr__(self) -> str:
        return f"<Received {self['Subject']!r} from {self['From']!r} to {self['To']!r}>"
