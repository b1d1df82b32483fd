"""The directive `commands`: the reference of the commands."""

from typing import Any

from command_list import commands, section
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class _Commands(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        text = "\n".join(section(name, command) for name, command in commands().items())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(sphinx: Any) -> dict[str, bool]:  # Any: Sphinx's application
    """Registers the directive."""
    sphinx.add_directive("commands", _Commands)
    return {"parallel_read_safe": True}
