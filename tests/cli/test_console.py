"""What the commands print on a terminal."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from dlstudy.api.terminal import print_table
from dlstudy.report.blocks import Cell, Mood, Table


def test_a_verdict_has_the_colour_of_its_mood():
    rows = [
        ["supported", Cell("right: 2", Mood.GOOD)],
        ["a", Cell("wrong: 3", Mood.BAD)],
        ["b", Cell("open", Mood.OPEN)],
    ]
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80)
    print_table(console, Table("Verdicts", ["arm", "verdict"], rows))
    text = console.file.getvalue()
    assert "\x1b[32mright: 2\x1b[0m" in text
    assert "\x1b[31mwrong: 3\x1b[0m" in text
    assert "\x1b[32msupported" not in text
    assert "open\x1b[0m" not in text


CLAIMS = Table(
    "Claims",
    ["claim", "verdict", "measured by", "difference"],
    [["Adam converges faster than SGD", "undecided", "validation accuracy, epoch 1", "–"]],
    "A note.",
)


@pytest.mark.parametrize("width", [200, 80, 40, 30])
def test_no_word_of_a_table_is_broken_whatever_the_width(width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_table(console, CLAIMS)
    shown = console.file.getvalue()
    assert all(len(line) <= width for line in shown.splitlines())
    assert {"validation", "accuracy,", "converges", "undecided"} <= {word.strip(";") for word in shown.split()}
    in_columns = "measured by:" not in " ".join(shown.split())
    assert in_columns == (width >= 80)
    assert ("difference" in shown) == in_columns, "a paragraph leaves out what says nothing"


def test_no_color_is_heeded(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    print_table(console, replace(CLAIMS, rows=[["a", "supported", "b", "c"]]))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", console.file.getvalue())
