"""A lab: booted Debian hosts as systemd-nspawn containers on a network of their own.

`Lab` is the door; `python3 -m lab` is the same door for the shell. Standard library only, so that the system's Python
can run it as root.
"""

from lab.errors import LabError
from lab.hosts import Host
from lab.labs import Lab

__all__ = ["Host", "Lab", "LabError"]
