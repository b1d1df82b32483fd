"""Pages that are plain Markdown of the repository join the site as they are."""

import re
from typing import Any

_OUTSIDE = re.compile(r"\]\((?:\.\./)+(SECURITY|CONTRIBUTING|CHANGELOG|benchmarks/README)\.md")
_DECISIONS = "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"


def site_form(name: str, text: str) -> str:
    """The text of the page `name` with what only the site needs: the way to files that are outside of `docs/`."""
    text = _OUTSIDE.sub(lambda found: f"](/project/{found[1].split('/')[0].lower()}.md", text)
    return text + _DECISIONS if name == "decisions/README" else text


def setup(sphinx: Any) -> dict[str, bool]:  # Any: Sphinx's application
    """Registers the change."""

    def change(_: Any, name: str, source: list[str]) -> None:
        source[0] = site_form(name, source[0])

    sphinx.connect("source-read", change)
    return {"parallel_read_safe": True}
