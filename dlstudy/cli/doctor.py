"""`dlstudy doctor`: whether this installation works, and what to do where it does not."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import typer

from dlstudy.cli import doctor_folders, doctor_packages
from dlstudy.cli.doctor_findings import Check, Finding, State
from dlstudy.common.text import describe_error, one_line, without_passwords

__all__ = ["examine", "found_by"]


def examine(home: Path | None, options: Callable[[], Mapping[str, object]], json_wanted: bool) -> int:
    """Runs all checks and shows what they find, each as soon as it is known.

    Args:
        home: the results folder; None for the usual one.
        options: gives the options of this folder by command, or raises what is wrong with their file.
        json_wanted: whether it is shown as JSON.

    Returns:
        The exit code: 0, or 1 where a problem was found.
    """
    checks: list[Check] = [
        *doctor_packages.CHECKS,
        partial(doctor_folders.check_settings, options),
        *(partial(check, home) for check in doctor_folders.OF_HOME),
        *doctor_folders.CHECKS,
    ]
    found: list[Finding] = []
    for check in checks:
        for finding in found_by(check):
            found.append(finding)
            if not json_wanted:
                _show(finding)
    usable = not any(finding.state is State.PROBLEM for finding in found)
    if json_wanted:
        typer.echo(json.dumps({"usable": usable, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        typer.echo(f"\n{_conclusion(found)}")
    return 0 if usable else 1


def found_by(check: Check) -> Sequence[Finding]:
    """What a check finds; where it fails itself, that is a finding too."""
    try:
        return list(check())
    except Exception as error:  # what is broken may break in any way
        name: str = getattr(getattr(check, "func", check), "__name__", "a check")
        what = name.removeprefix("check_").replace("_", " ")
        text = f"could not be checked: {describe_error(error)}"
        return [Finding.warning(what, text, "mend what stands above first; else report it")]


def _show(finding: Finding) -> None:
    colours = {State.OK: typer.colors.GREEN, State.WARNING: typer.colors.YELLOW, State.PROBLEM: typer.colors.RED}
    state = typer.style(f"{finding.state:8}", fg=colours[finding.state])
    typer.echo(f"{state} {finding.what:16} {_line(finding.text)}")
    if finding.remedy:
        typer.echo(f"{'':25} {typer.style('->', bold=True)} {_line(finding.remedy)}")


def _line(text: str) -> str:
    return one_line(without_passwords(text), 1_000)


def _conclusion(found: Sequence[Finding]) -> str:
    n = {state: sum(finding.state is state for finding in found) for state in State}
    problems = f"{n[State.PROBLEM]} problem{'s' * (n[State.PROBLEM] > 1)}"
    warnings = f"{n[State.WARNING]} warning{'s' * (n[State.WARNING] > 1)}"
    if n[State.PROBLEM]:
        return f"{problems} and {warnings}: mend the problems, then run `dlstudy doctor` again"
    return f"dlstudy can be used{f', with {warnings}' if n[State.WARNING] else ''}: try `dlstudy new mine`"
