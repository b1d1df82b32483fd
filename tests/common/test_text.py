"""Texts from elsewhere in one line."""

import pytest

from dlstudy.common.text import one_line, said, shown, told


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("as it is", "as it is"),
        (" one\n\n two\tthree\r\n", "one two three"),
        ("\x1b[1;31mred\x1b[2J", "red[2J"),
        ("\x1b[31mred\x07\x00\x9b2J", "red2J"),
        ("a\u202eb\u2028c\ud800", "ab c"),
        ("naïve – 😀", "naïve – 😀"),
        ("", ""),
    ],
)
def test_a_text_becomes_one_line_without_control_characters(text, line):
    assert one_line(text) == line


def test_a_long_text_keeps_its_beginning_and_its_end():
    line = one_line("begin " + "x" * 10_000_000 + " end", 40)
    assert len(line) == 40
    assert line.startswith("begin xxxx")
    assert " ... " in line
    assert line.endswith("xxx end")


def test_a_value_that_cannot_be_shown_is_named_by_its_class():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    assert shown(Shy()) == "a Shy"
    assert shown("a\nb") == r"'a\nb'"
    assert shown(10**10_000) == "a int"  # which Python does not write out
    assert len(shown([0] * 1_000)) == 70


def test_an_error_is_told_with_its_class_whatever_it_says():
    class OddError(Exception):
        def __str__(self):
            return 5

    assert said(ValueError("one\ntwo")) == "one\ntwo"
    assert said(OddError()) == ""
    assert told(ValueError("one\ntwo")) == "ValueError: one two"
    assert told(ValueError()) == "ValueError"
    assert told(OddError()) == "OddError"
