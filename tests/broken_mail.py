"""Messages built from broken parts, for hypothesis, and what the bridge makes of them."""

from __future__ import annotations

import io

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from listkit.common.message.cleaning import clean
from listkit.common.message.header import read_header
from listkit.common.message.lines import LineNormaliser

ARRIVED = "30-Nov-2026 02:00:00 +0000"
DOMAIN = "example.org"

charsets = st.sampled_from([
    b"utf-8", b"iso-8859-1", b"us-ascii", b"x-mac-nothing", b"utf-8\x94", b"utf-7", b"idna", b"unicode-escape",
    b"big5", b"utf-16", b"", b"utf-8*de", b"hex", b"rot13", b"utf8", b"UTF-8//TRANSLIT", b"iso-8859-8-i", b"gb2312",
    b"ks_c_5601-1987", b"iso-2022-jp", b"latin1", b"shift_jis", b"windows-1252 ", b"cp-850", b"x-user-defined",
    b"base64", b"zlib", b"utf_32", b"utf-8-sig", b"oem", b"unicode_internal", b"x" * 80,
])  # fmt: skip
encoded = st.one_of(
    st.sampled_from([b"a", b"SGVsbG8Ad29ybGQ=", b"caf=E9", b"=00", b"=0D=0AX:_y", b"w7w", b"=?", b"2AA=", b"", b"a b"]),
    st.binary(max_size=12).map(lambda octets: octets.replace(b"\n", b"")),
)
words = st.builds(lambda *parts: b"=?%s?%s?%s%s" % parts, charsets, st.sampled_from([b"b", b"Q", b"x"]), encoded,
                  st.sampled_from([b"?=", b"?", b"=", b"", b"?=tail", b"?= "]))  # fmt: skip
raw = st.sampled_from([
    b"Gr\xfc\xdfe", "Grüße".encode(), b"\x00", b"\x0b", b"\x80\x81", b"\t", b"\r\n ", b'"', b"\\", b"<", b">", b"(",
    b")", b":", b";", b",", b"@", b" ", b"=?", b"?=", b"x" * 1200, b".", b"'", b"[", b"]", b"=", b"%", b"*", b"\r",
    b"\x1b$B", "\ufeff".encode(), "\u202e\u200b".encode(), b"\xed\xa0\x80", "\u00a0".encode(), "\U0001f600".encode(),
    b"\r\n\t", b"\r\n \r\n ", b"\x7f", b"\r\n .", b"x" * 80 + b" ",
])  # fmt: skip
address_bits = st.sampled_from([
    b"ana@example.com", b"<ana@example.com>", "jörg@plain.test".encode(), b"a@b@c", b"Ana",
    "x@zürich.example".encode(), b'"Ana, B." <ana@example.com>', b"group: a@b.ch, c@d.ch;", b'"john doe"@example.com',
    b"root@localhost", b"@", b"<>", b"a@[127.0.0.1]", b"undisclosed-recipients:;", b"l" * 300 + b"@example.com",
    b". <ana@example.com>", b"<@x.ch,@y.ch:a@b.ch>", b'"a\\"b"@c.ch', b".a@b.ch", b"a..b@c.ch", b"a@b..ch",
    b"a@b.ch.", b"(c(d)) Ana <a@b.ch>", b'"" <a@b.ch>', b"g: h: a@b.ch;;", b"'a@b.ch' <a@b.ch>",
    b"=?utf-8?q?a=40b.ch?= <a@b.ch>", b"Ana <a@b.ch> Bea", b"<a@b.ch>, , <d@e.ch>", b"a@b.ch (.)",
    b"j\xf6rg@example.com", b"a@xn--99999.example", b"a@" + b"d" * 70 + b".ch", b"() <a@b.ch>", b"Ana . <a@b.ch>",
    b"<a@b.ch", b"a@b.ch>", b"a;b@c.ch", b"[x] <a@b.ch>", b"a b@c.ch", b"mailto:a@b.ch", b"<mailto:a@b.ch>",
    b"a@b.ch <a@b.ch>", b"=?utf-8?q?a?=@b.ch", b"a%b@c.ch", b"=?utf-8?b?IA==?= <a@b.ch>", b"a!b!c",
    b"+41 31 <a@b.ch>", b"a@b_c.ch",
])  # fmt: skip
dates = st.sampled_from([
    b"Mon, 30 Nov 2026 02:00:00 +0000", b"Mon, 30 Nov 99999 02:00:00 +0000", b"yesterday",
    b"Mon, 30 Nov 2026 25:61:00 +9900", b"30 Nov 26 2:00 CET", b"Mo, 30 M\xe4r 2026 2:00 +0100",
    b"Mon, 30 Nov 2026 02:00:00 -0000 (CET (x))", b"", b"1", b"9" * 400, b"2026-11-30T02:00:00Z",
    b"Mon Nov 30 02:00:00 2026", b"30/11/2026", b"Mon, 30 Nov 2026 02.00.00 +0100", b"31 Feb 2026 1:00 +0",
    b"Mon, 30 Nov 2026 02:00:00 GMT+01:00", b"Mon, 30 Nov 2026 02:00:60 +0060", b"1 Jan 0001 00:00 +0100",
    b"31 Dec 9999 23:59:59 -1200", b"Mon, 30 Nov 2026 24:00:00 EST5EDT", b"-1 Nov -26 -1:-1 -1",
    b"Mon, 30 Nov 2026 02:00:00 +0100 (Mitteleurop\xe4ische Zeit)", b"Mon, 30 Nov 2026 02:00:00",
    b"Mon, 30 Nov 2026 2:0:0 +100", b"1 Jan 1970 00:00:00 +0000", b"\r\n Mon, 30 Nov 2026 2:00 UT",
    b"Mon, 30 Nov 2026 02:00:00 +" + b"9" * 30, b"Mon, 30 Nov \xd9\xa2\xd9\xa0 02:00 +0000",
])  # fmt: skip
ids = st.sampled_from([
    b"<a@b>", b"<a b@c>", b"a@b", b"<a@b> (x)", b"<>", b"<" + b"i" * 300 + b"@b>", b"<\xe9@b>", b"<[a]@b>",
    b'<"a"@b>', b"<[x]>", b"<a@[1.2.3.4]>", b"", b"<a@b> <c@d>", b"\r\n <a@b>", b"<a@b>x", b"<<a@b>>", b"<a@b",
    b"a@b>", b"<a@@b>", b"<@>", b"<a@b.>", b"<.a@b>", b"<a..b@c>", b"<a@[IPv6:::1]>", b"<a,b@c>", b"<a:b@c>",
    b"<a(b)@c>", b"<a;b@c>", b"<a\r\n b@c>", b"<a/%20@b>", b"<a@b>\t", b"<" + b"i" * 248 + b"@b>", b"<a>", b"< a@b >",
    b"<a@b_c>", b"<=?utf-8?q?a?=@b>",
])  # fmt: skip
types = st.sampled_from([
    b"multipart/mixed; boundary=BB", b"multipart/mixed", b'multipart/mixed; boundary="CC"',
    b"multipart/signed; boundary=BB", b"text/plain", b'text/plain; charset="utf-8\xe2\x80\x9d"',
    b"text/plain; charset=x-unknown", b"message/rfc822", b"multipart/digest; boundary=DD", b"text",
    b"message/delivery-status", b'text/html; charset=utf-8; name="=?utf-8?q?a=00?="',
    b"application/pdf; name*=utf-8''%00%ff", b"a/b; x*0=1; x*1*=%4; y=\"", b"; ;=;", b"m\xfcll/x",
    b"multipart/mixed; boundary=\"B\xe4\"", b'multipart/mixed; boundary="a b "',
    b'multipart/mixed; boundary="a\r\n b"', b"multipart/mixed; boundary=", b'multipart/mixed; boundary="--"',
    b"multipart/mixed; boundary=" + b"B" * 300, b"multipart/mixed; boundary=B", b"multipart/mixed; boundary=BBB",
    b"multipart/mixed; boundary*=utf-8''BB", b"multipart/mixed; boundary*0=B; boundary*1=B",
    b"text/plain; charset=utf-8; charset=latin1", b"text/plain; charset*=utf-8'en'utf-8", b"TEXT/HTML", b"text/",
    b"text/plain; name*0*=utf-8''a%; name*2=b", b"text/plain; name*1=b", b"text/plain; name*0*=x'y", b"/plain",
    b"text/plain (c); charset=utf-8 (d)", b"text/plain; charset", b"text/plain; =x", b"text/plain; charset=\"\"",
    b"message/partial; id=x; number=1; total=2", b"message/external-body; access-type=x", b"message/global",
    b"multipart/report; report-type=delivery-status; boundary=BB", b"text/rfc822-headers", b"message/rfc822; x",
    b"message/feedback-report", b"text/plain; charset=utf-16", b"text/plain; charset=utf-7", b"message/x",
    b"multipart/digest; boundary=BB", b"application/x; name=\"a\\b\"", b"attachment; filename=\"=?utf-8?q?a=00?=\"",
    b"attachment; filename*0*=utf-8''%F0%9F; filename*1*=%98%80", b"inline; filename=../../etc/passwd",
])  # fmt: skip
names = st.sampled_from([
    b"Subject", b"From", b"To", b"Cc", b"Reply-To", b"Sender", b"X-Any", b"Comments", b"Date", b"Message-ID",
    b"References", b"In-Reply-To", b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding",
    b"MIME-Version", b"X-Spam-Flag", b"Gr\xfc\xdf", b"Resent-To", b"DKIM-Signature", b"List-Post", b"Return-Path",
    b"Received", b"List-Id", b"List-Unsubscribe", b"Bcc", b"Resent-From", b"Resent-Date", b"Resent-Message-ID",
    b"Content-ID", b"Content-Description", b"Content-Language", b"Content-Location", b"Approved", b"Message-ID-Hash",
    b"Archived-At", b"Keywords", b"X-BeenThere", b"Auto-Submitted", b"Precedence", b"Disposition-Notification-To",
    b"Errors-To", b"Mail-Followup-To", b"Content-Length", b"Lines", b"Status", b"X",
])  # fmt: skip
values = st.lists(st.one_of(words, raw, address_bits, dates, ids, types, st.binary(max_size=20)), max_size=5).map(
    b" ".join
)
fields = st.builds(lambda name, value: b"%s: %s\r\n" % (name, value), names, values)
lines = st.sampled_from([
    b"--BB\r\n", b"--BB--\r\n", b"--CC\r\n", b"--CC--\r\n", b"--DD\r\n", b"\r\n", b"text\r\n",
    b"Content-Type: text/plain\r\n", b"Gr\xfc\xdfe\r\n", "Grüße\r\n".encode(), b"--abcdef\r\n", b"--a b\r\n",
    b"-- \r\n", b"Content-Transfer-Encoding: base64\r\n", b"--BB --\r\n", b"--BBB\r\n", b"--BB-\r\n", b"--B\r\n",
    b"--B--\r\n", b"--BB  \r\n", b"----\r\n", b"------\r\n", b"From ana Mon\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n", b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"Content-Transfer-Encoding: 8bit; x\r\n", b"begin 644 a\r\n", b"=\r\n", b"=G=\x00\r\n", b"\x1a\x0c\r",
    b"SGVsbG8\r\n", b"x" * 3000 + b"\r\n", b" \r\n", b".\r\n", b": x\r\n", b"\xef\xbb\xbf\r\n",
])  # fmt: skip
bodies = st.lists(st.one_of(lines, fields, types.map(lambda one: b"Content-Type: %s\r\n" % one)), max_size=14).map(
    b"".join
)
messages = st.builds(lambda head, kind, body: b"".join(head) + kind + b"\r\n" + body, st.lists(fields, max_size=8),
                     types.map(lambda one: b"Content-Type: %s\r\n" % one) | st.just(b""), bodies)  # fmt: skip


def spooled(octets: bytes) -> io.BytesIO:
    """The message as the bridge has spooled it."""
    normaliser = LineNormaliser()
    return io.BytesIO(normaliser.feed(octets) + normaliser.finish())


def cleaned(octets: bytes) -> bytes:
    """The message as Mailman gets it, but for the delivery's own fields."""
    spool = spooled(octets)
    message = clean(read_header(spool), spool, ARRIVED, DOMAIN)
    return b"".join(field.raw for field in message.fields) + b"\r\n" + b"".join(message.body(spool))


def examples(count: int) -> list[bytes]:
    """So many cleaned messages, the same ones each time."""
    found = []

    @settings(max_examples=count, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(messages)
    def collect(octets: bytes) -> None:
        found.append(cleaned(octets))

    collect()
    return found
