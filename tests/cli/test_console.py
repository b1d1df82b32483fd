"""What the commands print on a terminal."""

import io

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
