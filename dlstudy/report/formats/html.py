"""A report as one HTML file: no scripts, no network requests, readable on a phone and on paper."""

import base64
import hashlib
import html
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dlstudy.analysis.formatting import NOTHING
from dlstudy.report.blocks import (
    Block,
    Bullets,
    Card,
    Cards,
    Code,
    Document,
    Heading,
    Note,
    Picture,
    Table,
    mood_of,
    plain,
)
from dlstudy.report.figures.vector import on_screen
from dlstudy.report.formats.html_style import STYLE

__all__ = ["html_page"]

_NARROW = 3  # columns that fit side by side on a phone
_SHORT = 9  # letters that stay in one line
_LONGEST_WORD = 26  # letters that a column may grow to


def html_page(document: Document) -> str:
    """The report as one page; every text is escaped, and the page forbids scripts whatever it holds."""
    body = [f'<p class="name">{_text(document.name)}</p>', f"<h1>{_text(document.title)}</h1>"]
    body += [f'<p class="answer">{_text(document.answer)}</p>'] if document.answer else []
    body += [f'<p class="scope">{_text(document.scope)}</p>'] if document.scope else []
    body += _sections(document.blocks)
    return _PAGE.format(policy=_POLICY, title=_text(document.name), style=STYLE, body="\n".join(body))


def _sections(blocks: Sequence[Block]) -> Iterator[str]:
    """The blocks, each section that holds details in an element that folds."""
    is_folded = False
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            yield "</details>" if is_folded else ""
            is_folded = block.folded
            title = f"<h2>{_text(block.text)}</h2>"
            yield f"<details><summary>{title}</summary>" if is_folded else title
        else:
            yield _MAKERS[type(block)](block)
    yield "</details>" if is_folded else ""


def _text(text: str) -> str:
    return html.escape(plain(text))


def _bullets(block: Bullets) -> str:
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"


def _cards(block: Cards) -> str:
    cards = "\n".join(map(_card, block.cards))
    label = _text(block.title)
    return (
        f'<section class="claims" aria-label="{label}">\n{cards}\n</section><p class="reading">{_text(block.note)}</p>'
    )


def _card(card: Card) -> str:
    facts = "".join(f"<p>{_text(fact)}</p>" for fact in card.facts)
    mood = mood_of(card.verdict)
    return (
        f'<article class="claim {mood}"><p class="verdict {mood}"><span aria-hidden="true">{card.mark}</span> '
        f"{_text(card.verdict)}</p><h2>{_text(card.text)}</h2>{card.strip}<div>{facts}</div></article>"
    )


def _picture(block: Picture) -> str:
    kind, content = ("svg+xml", on_screen(block.image)) if block.is_vector else ("png", block.image)
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    image = f'<img alt="{_text(block.alt)}" src="{source}">'
    if block.wide:
        return f'<figure tabindex="0">{image}</figure>'
    return f'<figure class="small">{image}<figcaption>{_text(block.title)}</figcaption></figure>'


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{_text(head)}</th>' for head in table.heads)
    links = table.links or [""] * len(table.rows)
    rows = "\n".join(_row(table.heads, row, link) for row, link in zip(table.rows, links, strict=True))
    kind = "wide cards" if len(table.heads) > _NARROW else "wide"
    note = f'<p class="reading">{_text(table.note)}</p>' if table.note else ""
    return (
        f'<div class="{kind}" role="region" aria-label="{_text(table.title)}" tabindex="0"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table></div>{note}"
    )


def _row(heads: Sequence[str], row: Sequence[str], link: str) -> str:
    first = f'<a href="{html.escape(link)}">{_text(row[0])}</a>' if link else _cell(row[0])
    cells = [f'<th scope="row"{_class(row[0])}>{first}</th>']
    for head, cell in zip(heads[1:], row[1:], strict=True):
        cells.append(f'<td data-head="{_text(head)}"{_class(cell)}>{_cell(cell)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _class(cell: str) -> str:
    """The style class of a cell that is empty, fits in a line, or has a word that must be broken."""
    if cell == NOTHING:
        return ' class="none"'
    if len(cell) <= _SHORT:
        return ' class="short"'
    return ' class="long"' if max(map(len, cell.split())) > _LONGEST_WORD else ""


def _cell(cell: str) -> str:
    """A cell; a verdict is coloured, and stays a word for readers who cannot see colours."""
    mood = mood_of(cell)
    return f'<span class="{mood}">{_text(cell)}</span>' if mood else f"<span>{_text(cell)}</span>"


_MAKERS: dict[type, Callable[[Any], str]] = {  # Any: the key says which block
    Heading: lambda block: f"<h3>{_text(block.text)}</h3>",
    Note: lambda block: f'<p class="note">{_text(block.text)}</p>',
    Code: lambda block: f"<pre><code>{_text(block.text)}</code></pre>",
    Bullets: _bullets,
    Cards: _cards,
    Picture: _picture,
    Table: _table,
}

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; img-src data:; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""The page may show its pictures and its style, and do nothing else: no script, no form, no address of its own."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
