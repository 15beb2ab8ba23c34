"""The programs that run on the host: the mail bridge, the sending budget, the checks and Mailman's plugin."""
