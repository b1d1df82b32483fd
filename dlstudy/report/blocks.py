"""The content of a report in any format: a document of plain blocks. No text in it is markup."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from dlstudy.common.text import printable

__all__ = [
    "Block",
    "Bullets",
    "Card",
    "Cards",
    "Cell",
    "Code",
    "Document",
    "Heading",
    "Mood",
    "Note",
    "Picture",
    "Table",
    "column_weights",
    "mood_of",
    "plain",
    "without_empty",
]


@dataclass(frozen=True)
class Heading:
    """A heading: level 2 for a section, 3 within one.

    `folded` says of a section that it holds details: a page that can fold it away shows its title alone at first.
    """

    text: str
    level: int = 2
    folded: bool = False


@dataclass(frozen=True)
class Note:
    """A sentence that readers must not miss."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


class Mood(StrEnum):
    """The meaning of a verdict to readers, which decides the colour of its cell."""

    GOOD = "good"
    BAD = "bad"
    OPEN = "open"
    """Nothing is decided."""


class Cell(str):
    """The text of a table's cell, with the mood of the verdict in it; None where it holds none."""

    mood: Mood | None

    def __new__(cls, text: str, mood: Mood | None = None) -> "Cell":
        """A cell with this text."""
        cell = super().__new__(cls, text)
        cell.mood = mood
        return cell


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of cells (plain text, or a `Cell`), and one line on how to read it.

    `links`: an address for each row, to which its first cell links; empty for none.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    links: Sequence[str] = ()


@dataclass(frozen=True)
class Card:
    """A claim at a glance.

    Args:
        text: the claim in the document's words.
        verdict: with its mood.
        mark: of the verdict, one letter.
        facts: the difference and its interval, then why the verdict is what it is; a sentence each.
        strip: an SVG element, whose classes the format colours; empty where nothing was compared.
    """

    text: str
    verdict: Cell
    mark: str
    facts: Sequence[str]
    strip: str = ""


@dataclass(frozen=True)
class Cards:
    """The claims at a glance, beside each other. Formats without pictures leave them out: a table has the same."""

    title: str
    cards: Sequence[Card]
    note: str


@dataclass(frozen=True)
class Picture:
    """A picture; `alt` says in words what it shows, `wide` whether it takes the whole width.

    `image` is an SVG or a PNG file, or empty in a document for formats that show no pictures.
    """

    title: str
    alt: str
    image: bytes
    wide: bool = True

    @property
    def is_vector(self) -> bool:
        """Whether it is an SVG file."""
        return self.image.startswith((b"<?xml", b"<svg"))


@dataclass(frozen=True)
class Code:
    """A command to type."""

    text: str


Block: TypeAlias = Heading | Note | Bullets | Cards | Table | Picture | Code


@dataclass(frozen=True)
class Document:
    """A report: the question, the answer in one sentence, its scope, and the evidence.

    Args:
        name: short, for the title of a window.
        title: the question.
        answer, scope: a sentence each, or empty.
        blocks: in reading order.
    """

    name: str
    title: str
    answer: str
    scope: str
    blocks: Sequence[Block]


def mood_of(cell: str) -> Mood | None:
    """The mood of a table's cell; None where it is plain text."""
    return cell.mood if isinstance(cell, Cell) else None


def plain(text: str) -> str:
    """Text in one line, without control characters and without marks that change the text direction."""
    return " ".join(printable(text).split())


def column_weights(table: Table) -> list[float]:
    """(columns,) shares of the width that each column of a table should have on paper; they add up to 1.

    A column gets room for its longest word, and more with the square root of its longest cell: long texts wrap.
    """
    weights = []
    for column in zip(table.heads, *table.rows, strict=True):
        longest = max(len(cell) for cell in column)
        word = max(len(word) for cell in column for word in (cell.split() or [""]))
        weights.append(2 + max(3.0, min(word, 16), 2.8 * longest**0.5 if longest > word else 0.0))
    return [weight / sum(weights) for weight in weights]


def without_empty(table: Table) -> Table:
    """The table without columns in which no row has anything."""
    kept = [i for i in range(len(table.heads)) if any(row[i] != "–" for row in table.rows) or not table.rows]
    rows = [[row[i] for i in kept] for row in table.rows]
    return replace(table, heads=[table.heads[i] for i in kept], rows=rows)
