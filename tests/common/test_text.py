"""Untrusted text in one line."""

import pytest

from dlstudy.common.text import describe_error, message_of, one_line, short_repr


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


def test_a_value_without_a_repr_is_named_by_its_class():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    assert short_repr(Shy()) == "a Shy"
    assert short_repr("a\nb") == r"'a\nb'"
    assert short_repr(10**10_000) == "a int"  # which Python does not write out
    assert len(short_repr([0] * 1_000)) == 70


def test_an_error_is_described_with_its_class_whatever_its_message():
    class OddError(Exception):
        def __str__(self):
            return 5

    assert message_of(ValueError("one\ntwo")) == "one\ntwo"
    assert message_of(OddError()) == ""
    assert describe_error(ValueError("one\ntwo")) == "ValueError: one two"
    assert describe_error(ValueError()) == "ValueError"
    assert describe_error(OddError()) == "OddError"
