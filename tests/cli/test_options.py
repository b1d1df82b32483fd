"""Options that come in groups, and what `run` and `plan` share."""

import dataclasses
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

from dlstudy.cli import app
from dlstudy.cli.options import BackendOptions, PlanOptions, RunBackendOptions, RunOptions, grouped
from dlstudy.runner.backend import Backend
from dlstudy.store.home import Home
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant


@dataclass(frozen=True)
class Colours:
    """A group of two options."""

    light: Annotated[str, typer.Option(help="Of the letters.")] = "white"
    dark: Annotated[bool, typer.Option("--dark", help="Of the page.")] = False


def paint(name: Annotated[str, typer.Argument(help="Whom.")], *, colours: Colours, n: int = 1) -> tuple:
    """Paints."""
    return name, colours, n


def test_a_group_becomes_its_fields_in_its_place():
    parameters = inspect.signature(grouped(paint)).parameters
    assert list(parameters) == ["name", "light", "dark", "n"]
    assert {each.kind for each in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    light = parameters["light"]
    assert (light.default, light.annotation) == ("white", Colours.__dataclass_fields__["light"].type)
    assert parameters["name"].default is inspect.Parameter.empty
    assert parameters["n"].default == 1
    assert grouped(paint).__doc__ == "Paints."
    assert grouped(paint).__name__ == "paint"


def test_a_command_gets_its_group_back():
    seen = []

    def take(name: str, *, colours: Colours) -> None:
        seen.append((name, colours))

    grouped(take)(name="b", light="red", dark=True)
    assert seen == [("b", Colours("red", dark=True))]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["you"], ("you", Colours(), 1)),
        (["--dark", "you", "--n", "3", "--light", "red"], ("you", Colours("red", dark=True), 3)),
    ],
)
def test_typer_reads_the_options_of_a_group(words, expected):
    seen = []

    def spy(name: Annotated[str, typer.Argument()], *, colours: Colours, n: int = 1) -> None:
        seen.append((name, colours, n))

    program = typer.Typer()
    program.command()(grouped(spy))
    typer.main.get_command(program)(words, standalone_mode=False)
    assert seen == [expected]


def test_a_command_may_have_two_groups():
    @dataclass(frozen=True)
    class Sizes:
        width: Annotated[int, typer.Option()] = 2

    seen = []

    def draw(*, colours: Colours, sizes: Sizes) -> None:
        seen.append((colours, sizes))

    grouped(draw)(light="red", dark=False, width=5)
    assert seen == [(Colours("red"), Sizes(5))]


def shared(command: str) -> dict[str, tuple]:
    """The options of a command that come from groups: names, defaults and help, by parameter."""
    (found,) = [one for name, one in typer.main.get_command(app.app).commands.items() if name == command]
    fields = {item.name for group in (RunOptions, RunBackendOptions) for item in dataclasses.fields(group)}
    return {
        parameter.name: (tuple(parameter.opts), parameter.default, parameter.help)
        for parameter in found.params
        if parameter.name in fields
    }


def test_run_and_plan_have_the_same_options_in_the_same_order_but_for_those_of_run_alone():
    run, plan = shared("run"), shared("plan")
    of_plan = [item.name for group in (PlanOptions, BackendOptions) for item in dataclasses.fields(group)]
    assert list(plan) == of_plan
    assert [name for name in run if name in plan] == of_plan
    assert {name: run[name] for name in plan} == plan
    assert set(run) - set(plan) == {
        "phase", "arm", "sampler", "pruner", "reported_variants", "fresh", "until_decided", "at_most", "registered",
        "hours", "failures", "notify", "register",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "n"),
    [
        (["good", "--aa-test"], 1), (["--aa-test", "good"], 1), (["good", "--aa-test", "--json"], 1),
        (["good", "--aa-test", "12"], 12), (["good", "--aa-test=3"], 3), (["good"], 0),
    ],
)  # fmt: skip
def test_one_aa_test_needs_no_number(monkeypatch, words, n):
    seen = []
    monkeypatch.setattr("dlstudy.cli.run.run_studies", lambda *given: seen.append(given[:3]) or 0)
    assert app.main(["run", *words]) == 0
    assert seen == [("good", False, Request(Variant(aa_test=n)))]


@pytest.mark.parametrize("command", ["run", "plan", "replicate"])
def test_help_lists_every_shared_option(command, capsys):
    assert app.main([command, "--help"]) == 0
    words = capsys.readouterr().out.split()
    for (name, *_), _, _ in shared(command).values():
        assert name in words
    assert "--aa-test" in words
    assert ("--reported-variants" in words) == (command != "plan")


def test_options_make_a_request(tmp_path):
    options = RunOptions(
        quick=True, trials=3, seeds=8, searches=3, epochs=4, dataset=["digits", "mnist"], aa_test=True,
        phase=["search", "sweep"],
        arm=["a"], sampler="random", pruner="median", reported_variants=True, fresh=True, replication=5,
    )  # fmt: skip
    variant = Variant(True, None, 4, "random", "median", aa_test=True, replication=5)
    assert options.request() == Request(
        variant, 3, 8, 3, phases=("search", "sweep"), arms=("a",), fresh=True, reported_variants=True,
        datasets=("digits", "mnist"),
    )  # fmt: skip
    assert RunOptions().request() == PlanOptions().request() == Request()
    backend = BackendOptions(2, 3, "ray", "10.0.0.1:6379", tmp_path / "home", "sqlite:///x.db").resolved("http://m")
    assert backend == Backend(
        Home.at(tmp_path / "home"), "sqlite:///x.db", "http://m", "ray", 2, 3, ray_address="10.0.0.1:6379"
    )
    assert BackendOptions(home=Path("here")).resolved() == Backend(Home.at("here"))
    limited = RunBackendOptions(home=Path("here"), hours=1.5, failures=3).resolved()
    assert limited == Backend(Home.at("here"), hours=1.5, failures=3)
