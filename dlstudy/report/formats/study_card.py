"""A study on one picture, for a slide or a README: question, answer, verdicts."""

import json
import tempfile
from pathlib import Path
from typing import Literal

from dlstudy.analysis.results import StudySummary
from dlstudy.common.version import __version__
from dlstudy.report.blocks import plain
from dlstudy.report.cards import claim_cards
from dlstudy.report.figures.style import elide
from dlstudy.report.formats.pdf import FONT, card_data
from dlstudy.report.labels import many
from dlstudy.report.tables.arms import spread_text

__all__ = ["study_card"]

_MOST = 4  # claims that have room
_QUESTION, _ANSWER, _CLAIM = 130, 280, 84  # letters that have room


def study_card(summary: StudySummary, kind: Literal["svg", "png"]) -> bytes:
    """The card, 16 to 9: SVG whose letters are shapes, to be shown anywhere, or PNG, 1,440 points wide."""
    import typst

    with tempfile.TemporaryDirectory(prefix="dlstudy-") as name:
        folder = Path(name)
        template = folder / "card.typ"
        template.write_text(_TEMPLATE.replace("FONT", FONT), encoding="utf-8")
        found = claim_cards(summary)
        cards = found.cards if found else ()
        data = {
            "question": elide(plain(summary.question), _QUESTION),
            "answer": elide(plain(summary.answer), _ANSWER),
            "cards": [
                {**card_data(card, f"{i}.svg", folder), "text": elide(plain(card.text), _CLAIM)}
                for i, card in enumerate(cards[:_MOST])
            ],
            "arms": [] if cards else _arms(summary),
            "foot": _foot(summary, len(cards) - _MOST),
        }
        inputs = {"data": json.dumps(data)}
        return typst.compile(template, root=folder, sys_inputs=inputs, ignore_system_fonts=True, format=kind, ppi=144)


def _arms(summary: StudySummary) -> list[str]:
    """The arms by their result, of a study without claims."""
    results = {arm.name: spread_text(arm.replicates.get(summary.test_metric)) for arm in summary.arms}
    return [f"{elide(name, 30)}: {results[name]}" for name in list(summary.ranking)[: 2 * _MOST] if name in results]


def _foot(summary: StudySummary, n_more: int) -> str:
    more = f"and {many(n_more, 'more claim')} · " if n_more > 0 else ""
    quick = "QUICK RUN, a first look · " if summary.variant.quick else ""
    n_trained = sum(trial.state.is_final for trial in summary.trials)
    return plain(
        f"{quick}{more}{summary.study} · {summary.variant} · {many(n_trained, 'training')} · dlstudy {__version__}"
    )


_TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#let colours = ("good": rgb("#00694a"), "bad": rgb("#a33c00"), "open": rgb("#444444"), "": black)
#let grey = rgb("#575c63")
#set page(width: 10in, height: 5.625in, margin: (x: 28pt, top: 26pt, bottom: 20pt), fill: white)
#set text(lang: "en", font: "FONT", size: 12pt, fill: rgb("#1a1c1e"))
#set par(leading: 0.5em, spacing: 0.7em)
#let columns = if data.cards.len() > 1 { (1fr, 1fr) } else { (1fr,) }
#block(height: 100% - 16pt, clip: true, {
text(size: 22pt, weight: "bold", data.question)
parbreak()
text(size: 14pt, data.answer)
v(4pt)
grid(columns: columns, gutter: 9pt, ..data.cards.map(card => block(
  fill: rgb("#f6f7f9"), stroke: (top: 2pt + colours.at(card.mood)), inset: 8pt, width: 100%, {
    text(size: 10pt, weight: "bold", fill: colours.at(card.mood), card.verdict)
    parbreak()
    text(size: 11pt, card.text)
    if card.file != "" { align(center, image(card.file, width: 240pt)) }
    text(size: 9pt, fill: grey, card.facts.first())
  },
)))
for arm in data.arms { par(text(size: 14pt, arm)) }
})
#place(bottom + left, text(size: 9pt, fill: grey, data.foot))
"""
