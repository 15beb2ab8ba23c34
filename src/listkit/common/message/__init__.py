"""Messages that others wrote, read and cleaned alike by the bridge, by Mailman and by the import of archives.

lines       mail's line form
header      the header fields as they stand
addresses   the addresses in a header field
cleaning    a message in a form that all programs after it read alike
decoding    header values as text, whatever is in them
automatic   what programs wrote, which is not answered
plain_text  a message without all that an archive may refuse
"""
