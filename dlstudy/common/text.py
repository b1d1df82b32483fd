"""Makes untrusted text safe to print on a terminal or in one line."""

import re
import unicodedata
from collections.abc import Sequence

__all__ = [
    "describe_error",
    "is_line",
    "listed",
    "message_of",
    "one_line",
    "printable",
    "short_repr",
    "without_passwords",
    "without_secrets",
]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WORD = re.compile(r"\S+")
_USER = re.compile(r"://[^\s:/@]*:")
_IN_QUERY = re.compile(r"([?&](?:password|passwd|token)=)[^&\s'\"]*")
_ACCOUNT = re.compile(r"^[^/?#'\"]*@")
_QUERY = re.compile(r"[?#][^'\"]*")
_SENTENCE = re.compile(r"[.!?:] (?=\W?[A-Z])")
_MOST = 20_000  # characters at either end of a text that are looked at
_LITERAL = 70
_JOINERS = "\u200c\u200d"  # format characters that letters of some scripts and emoji need


def printable(text: str) -> str:
    """Text of several lines without colours, control characters and marks that change the text direction.

    What a study, a model or a server prints could otherwise move the cursor, rename the window or colour other lines.
    """
    spaced = (" " if letter.isspace() and letter != "\n" else letter for letter in _COLOUR.sub("", text))
    return "".join(letter for letter in spaced if letter == "\n" or letter in _JOINERS or not _is_hidden(letter))


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs")


def is_line(value: object, most: int = 200) -> bool:
    """Whether a value is text in one line, printable, not blank, and no longer than `most` characters."""
    if not isinstance(value, str) or len(value) > most or not value.strip():
        return False
    return "\n" not in value and printable(value) == value


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def one_line(text: str, limit: int = 500) -> str:
    """Printable text in one line: white space is collapsed, and the middle of a long text is cut.

    Long literals in braces or brackets, such as the configuration of a layer, are cut first. The sentences at the end
    stay whole where there is room: a message ends in its remedy.

    Args:
        text: any text.
        limit: the most characters, at least 20.
    """
    line = _collapsed(text)
    if len(line) > limit:
        line = _cut(_with_short_literals(line), limit)
    return line


def _collapsed(text: str) -> str:
    if len(text) > 2 * _MOST:  # a huge text is cut before it is processed
        text = f"{text[:_MOST]} ... {text[-_MOST:]}"
    return " ".join(printable(text).split())


def _with_short_literals(line: str) -> str:
    kept, depth, done, start = [], 0, 0, 0
    for i, letter in enumerate(line):
        if letter in "{[":
            start = start if depth else i
            depth += 1
        elif letter in "}]" and depth:
            depth -= 1
            if not depth:
                kept += [line[done:start], _cut(line[start : i + 1], _LITERAL)]
                done = i + 1
    return "".join([*kept, line[done:]])


def _cut(line: str, limit: int) -> str:
    """A line without its middle where it is too long."""
    if len(line) <= limit:
        return line
    ends = (len(line) - found.end() for found in _SENTENCE.finditer(line))
    tail = next((length for length in ends if length <= 2 * limit // 3), limit // 3)
    return f"{line[: limit - tail - 5]} ... {line[len(line) - tail :]}"


def short_repr(value: object) -> str:
    """A value as Python writes it, in one short line."""
    try:
        return _cut(_collapsed(repr(value)), _LITERAL)
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
    return one_line(without_passwords(f"{name}: {text}")) if text.strip() else one_line(name)


def without_passwords(text: str) -> str:
    """Text with `***` for the password of every address in it: `postgresql://user:***@host/name`.

    A password with an `@` or a `/` that should have been written as `%XX` is hidden too.
    """
    return _IN_QUERY.sub(r"\1***", _WORD.sub(_without_password, text))


def _without_password(word: re.Match[str]) -> str:
    """A word without what is between the user of an address and the last `@`, in linear time."""
    user, at = _USER.search(word[0]), word[0].rfind("@")
    return f"{word[0][: user.end()]}***{word[0][at:]}" if user and user.end() <= at else word[0]


def without_secrets(text: str) -> str:
    """Text whose addresses have neither a user, a password, a query nor a fragment: `https://host/table.csv`.

    Keys of signed addresses have many names; so nothing after the `?` is kept. For what is stored and shown of the
    source of data; `without_passwords` is for an address whose user and options are of interest.
    """
    return _WORD.sub(_without_secret, without_passwords(text))


def _without_secret(word: re.Match[str]) -> str:
    """A word without the account and the query of each address; without a query where it is a path alone."""
    first, *rest = word[0].split("://")
    if "=" in first.partition("?")[2]:
        first = _QUERY.sub("", first, count=1)
    return "://".join([first, *(_QUERY.sub("", _ACCOUNT.sub("", part, count=1), count=1) for part in rest)])
