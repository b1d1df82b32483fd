"""A report as Markdown, GitHub's kind. Pictures are left out, as a text file cannot hold them; their alternative
texts take their place."""

import re
from collections.abc import Sequence

from dlstudy.report.blocks import Bullets, Code, Document, Heading, Note, Picture, Table, plain

__all__ = ["markdown"]


def markdown(document: Document) -> str:
    """The report as Markdown; no text of a study is read as markup."""
    parts = [f"# {_text(document.title)}"]
    parts += [f"**{_text(document.answer)}**"] if document.answer else []
    parts += [_text(document.scope)] if document.scope else []
    for block in document.blocks:
        match block:
            case Heading(text, level):
                parts.append(f"{'#' * level} {_text(text)}")
            case Note(text):
                parts.append(f"> {_text(text)}")
            case Bullets(items):
                parts.append("\n".join(f"- {_text(item)}" for item in items))
            case Picture(alt=alt):
                parts.append(f"*Picture: {_text(alt)}*")
            case Code(text):
                parts.append(_code(text))
            case Table():
                parts += [_table(block), *([_text(block.note)] if block.note else [])]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines: list[Sequence[str]] = [[_text(head) for head in table.heads], ["---"] * len(table.heads)]
    for i, row in enumerate(table.rows):
        cells = [_text(cell) for cell in row]
        if table.links and table.links[i]:
            cells[0] = f"[{cells[0]}](<{table.links[i]}>)"
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(text: str) -> str:
    """Text that Markdown must not read as markup, nor as the number of a list."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#&~$!" else letter for letter in plain(text))
    return re.sub(r"^(\d*)([-+.)])(?=[\s-]|$)", r"\1\\\2", escaped)


def _code(text: str) -> str:
    """A fenced line; the fence is longer than any run of backticks in it."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{plain(text)}\n{fence}"
