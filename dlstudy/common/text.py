"""Makes untrusted text safe to print on a terminal or in one line."""

import re
import unicodedata

__all__ = ["describe_error", "message_of", "one_line", "printable", "short_repr", "without_passwords"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IN_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@]*):\S*@|([?&](?:password|passwd|token)=)[^&\s'\"]*")
_JOINERS = "\u200c\u200d"  # format characters that letters of some scripts and emoji need


def printable(text: str) -> str:
    """Text of several lines without colours, control characters and marks that change the text direction.

    What a study, a model or a server prints could otherwise move the cursor, rename the window or colour other lines.
    """
    spaced = (" " if letter.isspace() and letter != "\n" else letter for letter in _COLOUR.sub("", text))
    return "".join(letter for letter in spaced if letter == "\n" or letter in _JOINERS or not _is_hidden(letter))


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs")


def one_line(text: str, limit: int = 500) -> str:
    """Printable text in one line: white space is collapsed, and the middle of a long text is cut.

    Args:
        text: any text.
        limit: the most characters, at least 10.
    """
    if len(text) > 10 * limit:  # a huge text is cut before it is processed
        text = f"{text[: 2 * limit]} ... {text[-2 * limit :]}"
    line = " ".join(printable(text).split())
    if len(line) > limit:
        tail = limit // 3
        line = f"{line[: limit - tail - 5]} ... {line[-tail:]}"
    return line


def short_repr(value: object) -> str:
    """A value as Python writes it, in one short line."""
    try:
        return one_line(repr(value), 70)
    except Exception:  # a class of the user's may fail in its own repr
        return f"a {type(value).__name__}"


def message_of(error: BaseException) -> str:
    """The message of an error; empty if the error cannot be converted to text."""
    try:
        return str(error)
    except Exception:  # as above
        return ""


def describe_error(error: BaseException) -> str:
    """The class of an error and its message, in one line."""
    name, text = type(error).__name__, message_of(error)
    return one_line(f"{name}: {text}") if text.strip() else one_line(name)


def without_passwords(text: str) -> str:
    """Text with `***` for the password of every address in it: `postgresql://user:***@host/name`.

    A password with an `@` or a `/` that should have been written as `%XX` is hidden too.
    """
    return _IN_ADDRESS.sub(lambda found: f"{found[1]}:***@" if found[1] else f"{found[2]}***", text)
