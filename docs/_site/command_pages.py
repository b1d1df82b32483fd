"""The reference of the commands, made from the command line itself: the directive `commands`."""

from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from dlstudy.cli.app import app


def commands() -> Iterator[tuple[str, Any]]:  # Any: typer's commands have no public class
    """Every command with its whole name, such as `data list`, in the order of `dlstudy --help`."""
    for name, command in typer.main.get_command(app).commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())
        else:
            yield name, command


def commands_page() -> str:
    """A section of Markdown for each command."""
    return "\n".join(line for name, command in commands() for line in _section(name, command))


def _section(name: str, command: Any) -> Iterator[str]:
    shown = [item for item in command.params if not item.hidden]
    arguments = [item for item in shown if item.param_type_name == "argument"]
    words = [item.name.upper() if item.required else f"[{item.name.upper()}]" for item in arguments]
    yield f"## dlstudy {name}\n\n```sh\n{' '.join(['dlstudy', name, *words])}\n```\n\n{command.help}\n"
    for item in shown:
        default = f" Default: `{item.default}`." if item.default not in (None, False, True, (), []) else ""
        yield f"{_heads(item)}\n: {_escaped(item.help or '')}{default}\n"


def _heads(item: Any) -> str:
    """`STUDY`, or `--output OUTPUT`, `-o`."""
    if item.param_type_name == "argument":
        return f"`{item.name.upper()}`"
    first, *others = [*item.opts, *item.secondary_opts]
    value = "" if item.is_flag else f" {item.name.strip('_').upper()}"
    return ", ".join([f"`{first}{value}`", *(f"`{other}`" for other in others)])


def _escaped(text: str) -> str:
    """Help is plain text: what Markdown would read as marks is no mark."""
    return "".join(f"\\{letter}" if letter in "*_<[" else letter for letter in text)


class _Commands(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(commands_page(), allow_section_headings=True)


def setup(sphinx: Any) -> dict[str, bool]:  # Any: Sphinx's application
    """Registers the directive."""
    sphinx.add_directive("commands", _Commands)
    return {"parallel_read_safe": True}
