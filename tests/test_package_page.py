"""The README as a package index shows it, and the citation: neither may fall behind."""

import re
from pathlib import Path

import pytest
import yaml

from dlstudy.common.version import __version__

ROOT = Path(__file__).parents[1]


def test_the_page_of_the_package_has_no_relative_links_and_no_pictures():
    pytest.importorskip("hatchling")
    from hatch_build import PackagePage

    metadata = {}
    PackagePage(str(ROOT), {}).update(metadata)
    text = metadata["readme"]["text"]
    assert [link for link in re.findall(r"\]\(([^)]*)\)", text) if not link.startswith(("https:", "#"))] == []
    assert "![" not in text
    assert not re.search(r":\n\n(?=\n|[A-Z])", text.split("## Write your own")[0]), "a colon leads to nothing"
    assert "- docs/studies.md: what the studies found." in text


def test_the_citation_has_the_version_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
    assert citation["authors"] == [{"name": "The dlstudy developers"}]
