"""Texts from elsewhere made fit for one line: values, reasons and errors, whatever is in them."""

import re

__all__ = ["one_line", "said", "shown", "told"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What ends a line, steers a terminal, turns the direction of writing or cannot be encoded."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def one_line(text: str, limit: int = 500) -> str:
    """The text in one line: white space made single, its middle cut where too long.

    Colours are left out, other control characters spelled out.

    Args:
        text: whatever.
        limit: of characters, at least 10.
    """
    if len(text) > 10 * limit:  # a flood is cut before it is looked at
        text = f"{text[: 2 * limit]} ... {text[-2 * limit :]}"
    line = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], " ".join(_COLOUR.sub("", text).split()))
    if len(line) > limit:
        tail = limit // 3
        line = f"{line[: limit - tail - 5]} ... {line[-tail:]}"
    return line


def shown(value: object) -> str:
    """A value as Python writes it, in one short line."""
    try:
        return one_line(repr(value), 70)
    except Exception:  # a class of the user's may fail in its own repr
        return f"a {type(value).__name__}"


def said(error: BaseException) -> str:
    """What an error says; empty where it cannot."""
    try:
        return str(error)
    except Exception:  # as above
        return ""


def told(error: BaseException) -> str:
    """What an error says, after the name of its class, in one line."""
    name, text = type(error).__name__, said(error)
    return one_line(f"{name}: {text}") if text.strip() else one_line(name)
