#!/usr/bin/env python3
"""Write docs/reference/patches.md from the patches' declarations, the one place where they are described.

usage: patches_page.py [--check]     --check: write nothing, exit 1 when the page isn't current
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "patches.md"
HEAD = """\
# Patches

Made by `make docs` from the modules in `src/listkit/mailman/patches/` and `src/listkit/web/patches/`.

The kit changes these parts of Mailman, HyperKitty, Postorius and Django at run time; the packages on the host are
Debian's, unchanged. Each patch is guarded: it names the functions that it replaces, wraps or calls, with the parameters
(and where it matters the source text) of the releases that were read. Where one of them differs, after an upgrade of
Debian for instance, the patch is not applied. The process starts without it, and `listkit check` fails and names the
patch and the difference.

When `listkit check` reports a patch, look up here how the host behaves without it, and update the kit. `journalctl -u
mailman3 -u mailman3-web` has the same message.
"""

sys.path[:0] = [str(ROOT / "src"), str(ROOT / "collections")]

from listkit.common.patching import Patch  # noqa: E402 -- the line above makes it importable
from listkit.mailman import patches as mailman_patches  # noqa: E402 -- the same
from listkit.web import patches as web_patches  # noqa: E402 -- the same


def section(title: str, patches: Iterable[Patch]) -> str:
    """One table."""
    ordered = sorted(patches, key=lambda patch: patch.name)
    return "\n\n".join([f"## {title}", *map(entry, ordered)])


def entry(patch: Patch) -> str:
    """One patch."""
    names = [name for target in patch.targets for name in target.names()]
    return "\n".join(
        [
            f"### {patch.name}",
            "",
            patch.purpose,
            "",
            f"- Without the patch: {patch.fallback}",
            f"- Upstream issue: {patch.upstream}",
            f"- Read in: {', '.join(patch.read_in)}",
            f"- Guarded: {', '.join(f'`{name}`' for name in names)}",
        ]
    )


def main(arguments: list[str]) -> int:
    """Write or check the page."""
    page = "\n\n".join(
        [
            HEAD.rstrip(),
            section("Mailman core", mailman_patches.PATCHES),
            section("Web interface", web_patches.PATCHES),
        ]
    )
    page += "\n"
    if "--check" in arguments:
        if not PAGE.exists() or PAGE.read_text() != page:
            print(f"{PAGE.relative_to(ROOT)} isn't current: run `make docs`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
