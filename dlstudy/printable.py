"""Text from elsewhere, as a terminal may get it."""

import unicodedata

__all__ = ["printable"]

_JOINERS = "\u200c\u200d"  # format characters that letters of some scripts and emoji need


def printable(text: str) -> str:
    """Text in its lines, without control characters and without marks that turn the direction of what follows.

    What a study, a model or a server says could else move the cursor, rename the window or colour what is not its own.
    """
    spaced = (" " if letter.isspace() and letter != "\n" else letter for letter in text)
    return "".join(letter for letter in spaced if letter == "\n" or letter in _JOINERS or not _is_hidden(letter))


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs")
