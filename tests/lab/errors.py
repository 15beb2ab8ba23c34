"""What goes wrong in a lab, in words for the person who started it."""


class LabError(Exception):
    """A step failed; the text says which one and where its log is."""
