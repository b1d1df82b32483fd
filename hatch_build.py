"""The README for a package index, whose page has no files beside it: relative links as words, and no pictures."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURES = re.compile(r":\n\n(!\[[^\]]*\]\((?!https?:)[^)]*\)\n)+")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)[^)]*\)")


class PackagePage(MetadataHookInterface):
    """Sets the long description."""

    def update(self, metadata: dict[str, Any]) -> None:  # Any: as pyproject.toml has it
        """Adds the text of the README."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": _LINK.sub(r"\1", _PICTURES.sub(".\n", text))}
