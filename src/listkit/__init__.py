"""The programs on the host: the mail bridge, the sending budget, the certificate, the checks and Mailman's plugin."""

__version__ = "0.2.0"
