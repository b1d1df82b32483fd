"""The reference of the commands as Markdown, made from the command line itself."""

from collections.abc import Iterator
from typing import Any

import typer

from dlstudy.cli.app import app


def commands() -> dict[str, Any]:  # Any: typer's commands have no public class
    """Every command by its whole name, such as `data list`, in the order of `dlstudy --help`."""
    found = {}
    for name, command in typer.main.get_command(app).commands.items():
        inner = getattr(command, "commands", {})
        found |= {f"{name} {word}": item for word, item in inner.items()} or {name: command}
    return found


def options_of(command: Any) -> list[str]:
    """Every option of a command, in all its forms."""
    shown = [item for item in command.params if item.param_type_name == "option" and not item.hidden]
    return [form for item in shown for form in (*item.opts, *item.secondary_opts)]


def section(name: str, command: Any) -> str:
    """A command's part of the reference: how it is called, what it does, and its arguments and options."""
    shown = [item for item in command.params if not item.hidden]
    arguments = [item for item in shown if item.param_type_name == "argument"]
    words = [item.name.upper() if item.required else f"[{item.name.upper()}]" for item in arguments]
    head = f"## dlstudy {name}\n\n```sh\n{' '.join(['dlstudy', name, *words])}\n```\n\n{command.help}\n\n"
    return head + "\n".join(_entries(shown))


def _entries(parameters: list[Any]) -> Iterator[str]:
    for item in parameters:
        default = f" Default: `{item.default}`." if item.default and item.default is not True else ""
        yield f"{_heads(item)}\n: {_escaped(item.help or '')}{default}\n"


def _heads(item: Any) -> str:
    """`STUDY`, or `--output OUTPUT`, `-o`."""
    if item.param_type_name == "argument":
        return f"`{item.name.upper()}`"
    first, *others = [*item.opts, *item.secondary_opts]
    value = "" if item.is_flag else f" {first.strip('-').replace('-', '_').upper()}"
    return ", ".join([f"`{first}{value}`", *(f"`{other}`" for other in others)])


def _escaped(text: str) -> str:
    """Help is plain text: what Markdown would read as marks is no mark."""
    return "".join(f"\\{letter}" if letter in "*_<[" else letter for letter in text)
