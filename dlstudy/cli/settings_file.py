"""Options that hold in a folder: `dlstudy.toml` there, else the table `[tool.dlstudy]` of its `pyproject.toml`.

::

    home = "results"
    workers = 2
    storage = "postgresql://db/studies"

Each command takes those options that it has. What is typed, or set in the environment, goes first.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dlstudy.common.text import one_line, short_repr
from dlstudy.errors import UsageError

__all__ = ["defaults_from"]

_FILE, _PROJECT = "dlstudy.toml", "pyproject.toml"
_NOT_HERE = ("help", "version", "install_completion", "show_completion", "json", "output", "fresh")
"""What is asked of one command, and would surprise in every one."""


def defaults_from(folder: Path, command: Any) -> dict[str, Any]:  # Any: a command of typer's; values by command
    """The defaults that the file of a folder gives the options of commands, in the form that click takes.

    Args:
        folder: where the file is looked for.
        command: the whole command line.

    Raises:
        UsageError: the file cannot be read, or names an option that no command has.
    """
    given, source = _read(folder)
    if not given:
        return {}
    options = {name.replace("-", "_"): value for name, value in given.items()}
    known = {parameter.name for one in _commands(command) for parameter in _options(one)}
    for name in options:
        if name in _NOT_HERE:
            raise UsageError(f"{source} must hold options of every day, got {name}: type it where it is meant")
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), 1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(sorted(known))}"
            raise UsageError(f"{source} names the option {short_repr(name)}, which no command has: {hint}")
    return _by_command(command, options)


def _read(folder: Path) -> tuple[Mapping[str, Any], str]:
    """The options of a folder, and the file that they are in."""
    for name in (_FILE, _PROJECT):
        path = folder / name
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, ValueError) as error:
            if name == _PROJECT:  # whose faults are others' to tell
                continue
            raise UsageError(f"{path} cannot be read: {one_line(str(error))}: correct it") from error
        if found is not None and name == _PROJECT:
            found = found.get("tool", {}).get("dlstudy")
        if found is not None:
            where = name if name == _FILE else f"[tool.dlstudy] of {name}"
            if not isinstance(found, Mapping):
                raise UsageError(f"{where} must be a table of options, got {short_repr(found)}")
            return found, where
    return {}, ""


def _by_command(command: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    own = {parameter.name: options[parameter.name] for parameter in _options(command) if parameter.name in options}
    below = {name: _by_command(each, options) for name, each in getattr(command, "commands", {}).items()}
    return {**own, **below}


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from _commands(each)


def _options(command: Any) -> list[Any]:  # Any: parameters of click
    return [one for one in command.params if one.param_type_name == "option" and one.name not in _NOT_HERE]
