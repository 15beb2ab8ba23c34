"""The pages as HTML. They load nothing and need no script.

The web server evaluates one condition in them (its module for server-side includes): whether they are out of date.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from listkit.check.finding import Status
from listkit.status.report import LastCanary, Report
from listkit.status.services import Service, Services, State
from listkit.status.texts import Texts

VALID_SECONDS = 900
"""A page is out of date after three missed runs."""
_STEP_SECONDS = 100
"""The web server compares the beginning of a number of seconds."""
_STYLE = """\
:root { --text: #1b2430; --page: #fff; --link: #0b4f9e; --line: #c9d1db; --good: #17663a; --bad: #a32015; }
@media (prefers-color-scheme: dark) { :root { --text: #e8edf3; --page: #151b23; --link: #8ec5ff; --line: #3b4654;
  --good: #7fd6a2; --bad: #ff9d92; } }
body { margin: 0 auto; padding: 2.5rem 1.25rem; max-width: 38rem; overflow-wrap: anywhere;
  font: 1.125rem/1.55 system-ui, sans-serif; color: var(--text); background: var(--page); }
body.wide { max-width: 70rem; }
h1 { margin: 1.25rem 0 .75rem; font-size: 1.75rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.25rem; }
a { color: var(--link); }
ul { margin: 2rem 0 0; padding: 0; list-style: none; border-top: 1px solid var(--line); }
li { border-bottom: 1px solid var(--line); }
li a { display: block; padding: .75rem 0; }
dt { margin-top: .75rem; font-weight: bold; }
dd { margin: 0; }
table { width: 100%; border-collapse: collapse; font-size: 1rem; }
th, td { padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
.up, .ok { color: var(--good); }
.down, .unknown, .critical, .warning, .stale { color: var(--bad); }"""


@dataclass(frozen=True)
class Part:
    """A host's findings on the page for administrators. report: None if there is none, for the reason given."""

    report: Report | None
    reason: str = ""


def public(texts: Texts, tag: str, site: str, services: Services, canary: LastCanary | None, now: float) -> str:
    """Write the page for everyone."""
    states = {service.state for service in services.values()}
    heading = (
        texts.some_down if State.DOWN in states else texts.some_unknown if State.UNKNOWN in states else texts.all_up
    )
    body = [
        "<dl>",
        *(_service(texts, name, service) for name, service in services.items()),
        "</dl>",
        *([_canary(texts, canary)] if canary else []),
        *_age(texts, now),
    ]
    links = {"/mailman3/": texts.home, "/mailman3/status/": texts.details}
    return _page(texts, tag, site, heading, body, links)


def _service(texts: Texts, name: str, service: Service) -> str:
    label = {"mail": texts.mail, "web": texts.web}[name]
    words = {State.UP: texts.up, State.DOWN: texts.down, State.UNKNOWN: texts.unknown}[service.state]
    return f'<dt>{escape(label)}</dt><dd class="{service.state}">{_filled(words, service.since)}</dd>'


def _canary(texts: Texts, canary: LastCanary) -> str:
    if canary.seconds is None:
        return f"<p>{_filled(texts.canary_lost, canary.sent)}</p>"
    return f"<p>{_filled(texts.canary, canary.sent, seconds=f'{canary.seconds:.0f}')}</p>"


def details(texts: Texts, tag: str, site: str, parts: Sequence[Part], now: float) -> str:
    """Write the page for administrators: every finding of each host, the most severe first."""
    body = [line for part in parts for line in _part(texts, part, now)]
    links = {"/status/": texts.for_everyone}
    return _page(texts, tag, site, texts.details, [*_age(texts, now), *body], links, wide=True)


def _part(texts: Texts, part: Part, now: float) -> Iterator[str]:
    report = part.report
    if report is None:
        yield f'<p class="stale">{escape(texts.no_report.format(reason=part.reason))}</p>'
        return
    yield f"<h2>{escape(report.host)}</h2>"
    if now - report.time > VALID_SECONDS:
        yield f'<p class="stale">{_filled(texts.old_report, report.time, host=report.host)}</p>'
    yield f'<table><tr><th>{texts.result}</th><th>{texts.component}</th><th colspan="2">{texts.check}</th></tr>'
    order = list(Status)
    for component, finding in sorted(report.findings, key=lambda pair: -order.index(pair[1].status)):
        remedy = f"<br>→ {escape(finding.remedy)}" if finding.remedy else ""
        cells = (escape(component), escape(finding.name), f"{escape(finding.seen)}{remedy}")
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        yield f'<tr lang="en"><td class="{finding.status}">{finding.status}</td>{row}</tr>'
    yield "</table>"


def unavailable(texts: Texts, tag: str, site: str) -> str:
    """Write the page that administrators get while the application is down."""
    body = [f"<p>{escape(texts.unavailable_reason)}</p>", "<p><code>sudo listkit check</code></p>"]
    return _page(texts, tag, site, texts.unavailable, body, {"/status/": texts.for_everyone})


def _age(texts: Texts, now: float) -> Iterator[str]:
    """Say how old the page is; the web server adds that it is out of date when it is."""
    first, last = int(now) // _STEP_SECONDS, int(now + VALID_SECONDS) // _STEP_SECONDS
    valid = "|".join(str(step) for step in range(first, last + 1))
    yield '<!--# config timefmt="%s" -->'
    yield f'<!--# if expr="$date_gmt = /^({valid})/" --><!--# else -->'
    yield f'<p class="stale"><strong>{escape(texts.stale)}</strong></p>'
    yield "<!--# endif -->"
    yield f"<p>{_filled(texts.as_of, now)}</p>"


def _filled(words: str, moment: float, **values: str) -> str:
    """Return the words with a time, as HTML."""
    when = time.gmtime(moment)
    shown = (
        f'<time datetime="{time.strftime("%Y-%m-%dT%H:%MZ", when)}">{time.strftime("%Y-%m-%d %H:%M UTC", when)}</time>'
    )
    return escape(words).format(time=shown, **{name: escape(value) for name, value in values.items()})


def _page(
    texts: Texts, tag: str, site: str, heading: str, body: Iterable[str], links: dict[str, str], *, wide: bool = False
) -> str:
    name = escape(site)
    items = "\n".join(f'<li><a href="{url}">{escape(label)}</a></li>' for url, label in links.items())
    lines = "\n".join(body)
    return f"""\
<!DOCTYPE html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{escape(texts.title)} – {name}</title>
<style>
{_STYLE}
</style>
</head>
<body{' class="wide"' if wide else ""}>
<header><a href="/mailman3/">{name}</a></header>
<main>
<h1>{escape(heading)}</h1>
{lines}
</main>
<nav>
<ul>
{items}
</ul>
</nav>
</body>
</html>
"""
