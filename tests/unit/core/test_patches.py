"""Every patch says what it is for, and can be read without the code that it changes."""

import sys

import pytest

from listkit.mailman import patches as mailman_patches
from listkit.web import patches as web_patches

PATCHES = (*mailman_patches.PATCHES, *web_patches.PATCHES)


def test_the_names_are_unique():
    assert len({patch.name for patch in PATCHES}) == len(PATCHES)


@pytest.mark.parametrize("package", [mailman_patches, web_patches])
def test_every_module_is_listed(package):
    modules = {name for name in sys.modules if name.startswith(f"{package.__name__}.")}
    assert {f"{package.__name__}.{patch.name.replace('-', '_')}" for patch in package.PATCHES} == modules


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
def test_every_patch_is_documented_and_guarded(patch):
    assert patch.purpose.endswith(".") and patch.fallback.endswith(".")
    assert patch.upstream == "none filed" or patch.upstream.startswith("https://")
    assert patch.read_in and patch.targets
    assert all(":" in name for target in patch.targets for name in target.names())
