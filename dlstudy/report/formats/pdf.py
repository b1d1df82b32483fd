"""A report as PDF, set by typst with the fonts that it brings: no system package is needed. The extra `pdf` has it."""

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
    column_weights,
    mood_of,
    plain,
)
from dlstudy.report.figures.strip import colourful
from dlstudy.report.figures.vector import on_paper

__all__ = ["FONT", "NO_TYPST", "can_make_pdf", "card_data", "pdf"]

FONT = "Libertinus Serif"
"""Of text and figures; typst brings it."""
NO_TYPST = "a PDF, and a card, needs typst, which is not installed here: pip install 'dlstudy[pdf]'"


def can_make_pdf() -> bool:
    """Whether typst is installed."""
    return find_spec("typst") is not None


def pdf(document: Document) -> bytes:
    """The report as PDF on A4, the same bytes for the same document.

    The template below is fixed; texts reach it as JSON data, which typst never reads as markup.
    """
    import typst

    with tempfile.TemporaryDirectory(prefix="dlstudy-") as name:
        folder = Path(name)
        template = folder / "report.typ"
        template.write_text(_TEMPLATE, encoding="utf-8")
        data = {
            "name": plain(document.name),
            "title": plain(document.title),
            "answer": plain(document.answer),
            "scope": plain(document.scope),
            "blocks": [_data(block, i, folder) for i, block in enumerate(document.blocks)],
        }
        inputs = {"data": json.dumps(data)}
        return typst.compile(template, root=folder, sys_inputs=inputs, ignore_system_fonts=True)


def _data(block: Block, i: int, folder: Path) -> dict[str, Any]:  # Any: JSON
    """A block as JSON; the picture of a block is a file of the folder, which typst reads."""
    match block:
        case Heading(text, level):
            return {"kind": "heading", "text": plain(text), "level": level}
        case Note(text) | Code(text):
            return {"kind": type(block).__name__.lower(), "text": plain(text)}
        case Bullets(items):
            return {"kind": "bullets", "items": [plain(item) for item in items]}
        case Cards(_, cards, note):
            made = [card_data(card, f"{i}-{j}.svg", folder) for j, card in enumerate(cards)]
            return {"kind": "cards", "cards": made, "note": plain(note)}
        case Picture(title, alt, image, wide):
            name = f"{i}.svg" if block.is_vector else f"{i}.png"
            (folder / name).write_bytes(on_paper(image, FONT) if block.is_vector else image)
            return {"kind": "picture", "title": plain(title), "alt": plain(alt), "file": name, "wide": wide}
        case Table():
            return {
                "kind": "table",
                "widths": column_weights(block),
                "heads": [plain(head) for head in block.heads],
                "cells": [{"text": plain(cell), "mood": mood_of(cell) or ""} for row in block.rows for cell in row],
                "note": plain(block.note),
            }


def card_data(card: Card, name: str, folder: Path) -> dict[str, Any]:  # Any: JSON
    """A card as JSON; its strip is a file of that name in the folder."""
    (folder / name).write_text(colourful(card.strip), encoding="utf-8")
    return {
        "text": plain(card.text),
        "verdict": f"{card.mark} {card.verdict}",
        "mood": mood_of(card.verdict) or "",
        "facts": [plain(fact) for fact in card.facts],
        "file": name,
    }


_TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#let colours = ("good": rgb("#00694a"), "bad": rgb("#a33c00"), "open": rgb("#555555"), "": black)
#let grey = rgb("#555555")
#let wrapped(words) = {
  show regex("[_/=]"): it => it + sym.zws
  text(words)
}
#let shown(block) = {
  if block.kind == "heading" {
    heading(level: block.level - 1, text(block.text))
  } else if block.kind == "note" {
    std.block(fill: rgb("#fff6e0"), inset: 5pt, width: 100%, breakable: false, text(block.text))
  } else if block.kind == "bullets" {
    list(..block.items.map(item => text(item)))
  } else if block.kind == "code" {
    std.block(fill: rgb("#f3f3f3"), inset: 6pt, width: 100%, raw(block.text))
  } else if block.kind == "cards" {
    grid(columns: (1fr, 1fr), gutter: 7pt, ..block.cards.map(card => std.block(
      fill: rgb("#f6f7f9"), stroke: (top: 1.6pt + colours.at(card.mood)), inset: 7pt, width: 100%, height: auto,
      breakable: false, {
        set par(leading: 0.5em, spacing: 0.6em)
        text(size: 8pt, weight: "bold", fill: colours.at(card.mood), card.verdict)
        parbreak()
        text(card.text)
        image(card.file, width: 100%)
        text(size: 8pt, card.facts.first())
        for fact in card.facts.slice(1) { parbreak(); text(size: 8pt, fill: grey, fact) }
      },
    )))
    par(text(size: 7.5pt, fill: grey, block.note))
  } else if block.kind == "picture" {
    if block.wide {
      std.block(breakable: false, width: 100%, layout(size => {
        let full = image(block.file, alt: block.alt, width: size.width)
        let height = measure(full).height
        // Up to 170 mm leave room for the answer on the same page; a very tall picture is better read on its own page.
        align(center, if height <= 170mm { full } else {
          image(block.file, alt: block.alt, height: if height <= 300mm { 170mm } else { 235mm })
        })
      }))
    } else {
      box(width: 50%, inset: (right: 8pt, bottom: 8pt), {
        image(block.file, alt: block.alt, width: 100%)
        text(size: 8pt, fill: grey, block.title)
      })
    }
  } else if block.kind == "table" {
    let n = block.heads.len()
    set text(size: if n > 9 { 6.2pt } else if n > 6 { 7pt } else { 8pt })
    set par(leading: 0.45em, justify: false)
    table(
      columns: block.widths.map(width => width * 1fr),
      stroke: (x, y) => (bottom: if y == 0 { 0.8pt + grey } else { 0.3pt + rgb("#cccccc") }),
      inset: (x: 2.5pt, y: 3pt),
      table.header(repeat: true, ..block.heads.map(head => strong(wrapped(head)))),
      ..block.cells.map(cell => text(fill: colours.at(cell.mood), wrapped(cell.text))),
    )
    if block.note != "" { par(text(size: 7.5pt, fill: grey, block.note)) }
  }
}
#set document(title: data.title, date: none)
#set page(
  paper: "a4", margin: (x: 16mm, y: 18mm),
  footer: context text(size: 7.5pt, fill: grey, {
    text(data.name)
    h(1fr)
    counter(page).display("1 / 1", both: true)
  }),
)
#set text(lang: "en", font: "Libertinus Serif", size: 10pt)
#set par(justify: false)
#set table.cell(breakable: false)
#show raw: set text(font: "DejaVu Sans Mono", size: 8pt)
#show heading: set block(above: 1.6em, below: 0.8em, sticky: true)
#show heading.where(level: 1): set text(size: 12pt)
#show heading.where(level: 2): set text(size: 10.5pt)
#show title: set text(size: 16pt)
#show title: set par(justify: false)
#title()
#if data.answer != "" {
  block(stroke: (left: 2.5pt + rgb("#0072b2")), inset: (left: 8pt, y: 2pt), text(size: 11.5pt, data.answer))
}
#if data.scope != "" { par(text(fill: grey, data.scope)) }
#for each in data.blocks { shown(each) }
"""
