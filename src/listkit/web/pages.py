"""The pages that the web server shows by itself, once for each language: the root page and the errors.

They are the application's own templates, rendered beforehand: when they are needed, the application may not run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path("/var/lib/listkit/pages")
LANGUAGES_FILE = "languages.conf"
PAGES = {"index": "listkit/index.html", "403": "403.html", "404": "404.html", "429": "429.html", "500": "500.html"}
"""The template of each page."""

ENGLISH = "en"
SENTENCES = (
    "An error occurred while processing your request.",
    "Something went wrong. Please try again.",
    "This page either doesn't exist, or it moved somewhere else.",
)
"""Postorius' own: a language that has them has what else is on the pages."""

TAG = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
"""A language as browsers name it: `de`, `pt-BR`."""

NGINX_MAPS = """\
# The first language of the browser's that there are pages in; the choice made in the web interface counts first.
map "$cookie_django_language,$http_accept_language" $listkit_wanted_language {{
    default {english};
    "~*(?:^|,) *(?<listkit_tag>{alternatives})(?=[-,;]|$)" $listkit_tag;
}}
# As the directories are written, however the browser writes it.
map $listkit_wanted_language $listkit_language {{
    default {english};
{languages}}}
"""


def render() -> dict[str, dict[str, str]]:
    """Return the text of each page by language tag and page name. Needs Django to be loaded."""
    from django.template.loader import render_to_string
    from django.utils import translation

    pages = {}
    for tag, code in languages().items():
        with translation.override(code):
            pages[tag] = {name: render_to_string(template) for name, template in PAGES.items()}
    return pages


def languages() -> dict[str, str]:
    """Return the languages that Postorius has our sentences in: Django's code by the tag that browsers send."""
    from django.apps import apps
    from django.utils import translation

    found = {ENGLISH: ENGLISH}
    locales = Path(apps.get_app_config("postorius").path, "locale")
    for catalog in sorted(locales.glob("*/LC_MESSAGES/django.mo")):
        locale = catalog.parts[-3]
        code, tag = translation.to_language(locale), locale.replace("_", "-")
        if TAG.fullmatch(tag) and _is_translated(code):
            found[tag] = code
    # A browser may ask for Chinese, and there may be only that of China.
    for tag, code in list(found.items()):
        found.setdefault(tag.partition("-")[0], code)
    return found


def _is_translated(code: str) -> bool:
    from django.utils import translation

    try:
        with translation.override(code):
            return all(translation.gettext(sentence) != sentence for sentence in SENTENCES)
    except ValueError:
        # Debian 12 has catalogs without content whose head gettext can't read.
        return False


def install(pages: dict[str, dict[str, str]], root: Path = ROOT, dry_run: bool = False) -> list[str]:
    """Write the pages, and the maps that let nginx choose among them; return a line for what changed."""
    files = dict(_files(pages))
    stale = [name for name, text in files.items() if _content(root / name) != text]
    superfluous = [path for path in root.glob("*/") if path.name not in pages]
    if not stale and not superfluous:
        return []
    if not dry_run:
        for path in superfluous:
            shutil.rmtree(path)
        for name in stale:
            _write(root / name, files[name])
    return [f"pages in {len(pages)} languages"]


def is_installed(root: Path = ROOT) -> bool:
    """Whether there are pages at all."""
    return (root / LANGUAGES_FILE).exists()


def _files(pages: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for tag, texts in pages.items():
        if not TAG.fullmatch(tag) or texts.keys() != PAGES.keys():
            raise ValueError(f"{tag!r} isn't a language, or lacks pages: {sorted(texts)}")
        for name, text in texts.items():
            yield f"{tag}/{name}.html", text
    # Last: it names directories that must be there.
    yield LANGUAGES_FILE, nginx_maps(pages)


def nginx_maps(tags: Iterable[str]) -> str:
    """Return nginx's maps from a browser's wishes to one of `tags`."""
    # The longest first: `pt-BR` is not to be taken for `pt`.
    ordered = sorted(tags, key=lambda tag: (-len(tag), tag))
    return NGINX_MAPS.format(
        english=ENGLISH,
        alternatives="|".join(ordered),
        languages="".join(f"    {tag} {tag};\n" for tag in sorted(ordered)),
    )


def _content(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)
