"""The stand-in for Infomaniak's mail service, and the strict receiver: real servers in two hosts of a lab."""

from infomaniak.messages import Received, compose
from infomaniak.service import Mailbox, StandIn

__all__ = ["Mailbox", "Received", "StandIn", "compose"]
