"""A report as one HTML file: no scripts, no network requests, readable on a phone and on paper."""

import base64
import hashlib
import html
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dlstudy.analysis.formatting import NOTHING
from dlstudy.report.blocks import Block, Bullets, Code, Document, Heading, Note, Picture, Table, mood_of, plain

__all__ = ["html_page"]

_LONG = 6  # sections, from which on a table of contents helps
_NARROW = 3  # columns that fit side by side on a phone
_SHORT = 9  # letters that stay in one line
_LONGEST_WORD = 26  # letters that a column may grow to


def html_page(document: Document) -> str:
    """The report as one page; every text is escaped, and the page forbids scripts whatever it holds."""
    body = [f"<h1>{_text(document.title)}</h1>"]
    body += [f'<p class="answer">{_text(document.answer)}</p>'] if document.answer else []
    body += [f'<p class="scope">{_text(document.scope)}</p>'] if document.scope else []
    sections = [block for block in document.blocks if isinstance(block, Heading) and block.level == 2]
    body += _numbered(document.blocks, _contents(sections) if len(sections) >= _LONG else "")
    return _PAGE.format(policy=_POLICY, title=_text(document.name), style=_STYLE, body="\n".join(body))


def _contents(sections: Sequence[Heading]) -> str:
    items = "".join(f'<li><a href="#s{i}">{_text(heading.text)}</a></li>' for i, heading in enumerate(sections, 1))
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _numbered(blocks: Sequence[Block], contents: str) -> Iterator[str]:
    """The blocks, each section with an anchor, and the contents before the first of them."""
    n = 0
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            n += 1
            if n == 1 and contents:
                yield contents
            yield f'<h2 id="s{n}">{_text(block.text)}</h2>'
        else:
            yield _MAKERS[type(block)](block)


def _text(text: str) -> str:
    return html.escape(plain(text))


def _bullets(block: Bullets) -> str:
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"


def _picture(block: Picture) -> str:
    content = base64.b64encode(block.png).decode()
    image = f'<img alt="{_text(block.alt)}" src="data:image/png;base64,{content}">'
    if block.wide:
        return f"<figure>{image}</figure>"
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
    Picture: _picture,
    Table: _table,
}

_STYLE = """
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 68rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: break-word }
h1 { font-size: 1.5rem; line-height: 1.25 }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; line-height: 1.3 }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem }
.answer { font-size: 1.15rem; border-left: 4px solid #0072b2; padding-left: .8rem; margin-bottom: .4rem }
.scope { color: #555; padding-left: calc(.8rem + 4px); margin-top: 0 }
.note { background: #fff6e0; padding: .4rem .8rem; margin: .4rem 0 }
.reading, figcaption { color: #555; font-size: .85rem }
nav { font-size: .9rem; margin: 1.6rem 0 } nav ol { columns: 17rem; column-gap: 3rem; padding-left: 1.6rem; margin: 0 }
a { color: #005a8c }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.4; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid #e0e0e0 }
thead th { border-bottom: 2px solid #999; vertical-align: bottom }
tbody th { font-weight: 600; min-width: 5rem; max-width: 22rem } td { max-width: 30rem }
.long { overflow-wrap: anywhere } .short { white-space: nowrap }
figure { margin: 1rem 0 } figure.small { display: inline-block; vertical-align: top; width: 20rem; max-width: 100%;
  margin: 0 1rem 1rem 0 }
img { max-width: 100%; height: auto; display: block }
.good { color: #00694a } .bad { color: #a33c00 } .open { color: #555 }
pre { background: #f3f3f3; padding: .6rem .8rem; overflow-x: auto; white-space: pre-wrap }
@media screen and (max-width: 640px) {
  .cards table, .cards tbody, .cards tr, .cards th, .cards td { display: block; max-width: none }
  .cards thead { position: absolute; left: -9999px }
  .cards tr { border-bottom: 2px solid #999; padding: .5rem 0 }
  .cards th, .cards td { border: 0; padding: .1rem 0 }
  .cards td { display: grid; grid-template-columns: 7.5rem 1fr; gap: .6rem }
  .cards td::before { content: attr(data-head); color: #555; white-space: normal }
  .cards td.none { display: none }
}
@media print {
  @page { size: A4; margin: 14mm }
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt }
  nav { display: none }
  .wide { overflow: visible }
  table { font-size: 7pt; width: 100% } th, td { padding-right: .5rem }
  tbody th { min-width: 3rem } thead { display: table-header-group }
  .reading, figcaption { font-size: 7.5pt }
  tr, figure, .note, pre { break-inside: avoid } h2, h3 { break-after: avoid }
  pre { border: 1px solid #ccc }
}
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
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
