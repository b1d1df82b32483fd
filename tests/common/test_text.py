"""Untrusted text in one line."""

import pytest

from dlstudy.common.text import (
    describe_error,
    is_line,
    message_of,
    one_line,
    short_repr,
    without_passwords,
    without_secrets,
)


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


KERAS = (  # as keras.saving.load_model words it
    "Could not locate class 'Embed'. Make sure custom classes and functions are decorated with "
    "`@keras.saving.register_keras_serializable()`. If they are already decorated, make sure they are all imported so "
    "that the decorator is run before trying to load them. Full object config: "
)


def test_a_long_text_keeps_its_remedy_and_cuts_literals_first():
    config = {"module": None, "class_name": "Embed", "config": {"layers": [{"units": n} for n in range(1_000)]}}
    line = one_line(f"{KERAS}{config}")
    assert line.startswith(f"{KERAS}{{'module': None, ")
    assert line.endswith("}]}}")
    assert len(line) < 500


def test_a_long_text_ends_with_whole_sentences_where_there_is_room():
    line = one_line(f"It broke. {'Then this happened. ' * 30}The reason: {'x' * 40}. Call `compile` again.", 150)
    assert line.startswith("It broke. Then this happened. ")
    assert line.endswith(f" ... Then this happened. The reason: {'x' * 40}. Call `compile` again.")
    assert len(line) <= 150
    assert one_line(f"{'a' * 100} [[{{ ((", 60).endswith("a [[{ ((")  # brackets that never close


@pytest.mark.parametrize("limit", [20, 21, 50, 100])
@pytest.mark.parametrize("text", ["x" * 300, "A b. " * 60, f"{'x' * 150}. {'Y' * 140}.", f"{{{'x' * 300}}} Z."])
def test_a_cut_text_is_as_short_as_asked(text, limit):
    assert len(one_line(text, limit)) <= limit


@pytest.mark.parametrize(("value", "fits"), [
    ("top@3", True), ("é  η 😀", True), ("x" * 200, True), ("x" * 201, False), ("", False), (" ", False),
    ("a\nb", False), ("a\tb", False), ("a\u202eb", False), ("\ud800", False), (5, False), (None, False),
])  # fmt: skip
def test_a_line_is_text_that_can_be_printed_as_it_is(value, fits):
    assert is_line(value) is fits


def test_a_description_of_an_error_hides_passwords_before_it_is_cut():
    text = describe_error(ValueError(f"{'x' * 290} cannot reach postgresql://me:{'secret' * 100}@host/db"))
    assert "secret" not in text
    assert text.endswith("postgresql://me:***@host/db")


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


def test_a_password_as_long_as_a_token_is_hidden_also_in_a_long_message():
    address = f"postgresql://me:{'secret' * 1_000}@host/name"
    assert without_passwords(f"at {address}, no answer") == "at postgresql://me:***@host/name, no answer"
    assert without_passwords("://me:" * 200_000) == "://me:" * 200_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:s3cret@host:80/a.csv?token=s3cret#s3cret", "https://host:80/a.csv"),
        ("https://s3cret@host/a.csv", "https://host/a.csv"),
        ("https://me:s3/cr@et@host/a.csv", "https://host/a.csv"),
        ("https://me:s3?cr#et@host/a.csv?X-Amz-Signature=s3cret", "https://host/a.csv"),
        ("http://host/package@1.0/a.csv", "http://host/package@1.0/a.csv"),
        ("at 'https://host/a.csv?key=s3cret', none", "at 'https://host/a.csv', none"),
        ("http://host/a,http://s3cret@host/b", "http://host/a,http://host/b"),
        ("retries exceeded with url: /a.csv?sig=s3cret (refused)", "retries exceeded with url: /a.csv (refused)"),
        ("is it? a = b # c", "is it? a = b # c"),
        ("folder/my #1 file?.csv", "folder/my #1 file?.csv"),
    ],
)
def test_nothing_of_an_address_is_shown_that_may_be_secret(text, shown):
    assert without_secrets(text) == shown


def test_secrets_are_removed_from_a_long_text_in_linear_time():
    for text in ("://me:" * 100_000, "?" * 500_000, "://?" * 100_000, "://@" * 100_000):
        assert "@" not in without_secrets(text)
