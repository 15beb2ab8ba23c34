"""The fault campaign: real Dovecot, the bridge, real Mailman and real Postfix, while somebody pulls the plugs.

usage: python3 -m campaign --lab LAB --site HOST [--messages N] [--short | --fault NAME …]

Needs a deployment that `make molecule` or `make demo` left (`tests/deployment.py`); root, and nothing but the
standard library. For each fault a number of messages is put into the mailbox while the fault happens; afterwards they
are counted in the archive and in a subscriber's mailbox. Ends with a table, and with status 1 when one was lost or
doubled.
"""
