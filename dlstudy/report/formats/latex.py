"""A report as LaTeX that any LaTeX since 2018 compiles, with packages that every distribution has.

Pictures are left out: one file cannot hold them, and a .tex file is for tables that go into a paper. Their alternative
texts take their place.
"""

import unicodedata
from collections.abc import Sequence

from dlstudy.report.blocks import Bullets, Code, Document, Heading, Note, Picture, Table, column_weights, plain

__all__ = ["latex"]


def latex(document: Document) -> str:
    """The report as a LaTeX document in pure ASCII; no text of a study is a command in it."""
    parts = [_HEAD, rf"\section*{{{_text(document.title)}}}"]
    parts += [rf"\textbf{{{_text(document.answer)}}}"] if document.answer else []
    parts += [_text(document.scope)] if document.scope else []
    for block in document.blocks:
        match block:
            case Heading(text, level):
                parts.append(rf"\{'sub' * (level - 1)}section*{{{_text(text)}}}")
            case Note(text):
                parts.append(rf"\begin{{quote}}{_text(text)}\end{{quote}}")
            case Bullets(items):
                listed = "\n".join(rf"\item {{}}{_text(item)}" for item in items)
                parts.append(f"\\begin{{itemize}}\n{listed}\n\\end{{itemize}}")
            case Picture(alt=alt):
                parts.append(rf"\emph{{Picture: {_text(alt)}}}")
            case Code(text):
                parts.append(rf"\begin{{flushleft}}\texttt{{{_text(text)}}}\end{{flushleft}}")
            case Table():
                parts += [_table(block), *([rf"{{\footnotesize {_text(block.note)}\par}}"] if block.note else [])]
    return "\n\n".join([*parts, r"\end{document}"]) + "\n"


_HEAD = r"""\documentclass[a4paper,10pt]{article}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\usepackage[margin=16mm]{geometry}
\usepackage{array}
\usepackage{longtable}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\setlength{\tabcolsep}{2pt}
\newcolumntype{L}[1]{>{\raggedright\arraybackslash\hspace{0pt}}p{#1}}
\begin{document}"""


def _table(table: Table) -> str:
    usable = 0.98 - 0.006 * len(table.heads)  # of the line: the rest is space between the columns
    widths = "".join(rf"L{{{weight * usable:.4f}\linewidth}}" for weight in column_weights(table))
    head = _row([rf"\textbf{{{_text(head)}}}" for head in table.heads])
    rows = "\n".join(_row([_text(cell) for cell in row]) for row in table.rows)
    size = r"\scriptsize" if len(table.heads) > 5 else r"\small"
    return (
        f"{{{size}\n\\begin{{longtable}}{{{widths}}}\n\\hline\n{head}\n\\hline\n\\endhead\n{rows}\n\\hline\n"
        f"\\end{{longtable}}}}"
    )


def _row(cells: Sequence[str]) -> str:
    """A row; the empty group keeps LaTeX from taking a cell's bracket for an argument of the line before."""
    return f"{{}}{' & '.join(cells)} \\\\"


def _text(text: str) -> str:
    return "".join(map(_letter, plain(text)))


def _letter(letter: str) -> str:
    """A character in LaTeX; one that it cannot show is given by its code."""
    if letter in _SPECIALS:
        return _SPECIALS[letter]
    if letter.isascii():
        return letter
    if (name := _greek(letter)) is not None:
        return rf"\ensuremath{{\{name}}}"
    base = unicodedata.normalize("NFKD", letter)
    accent = _ACCENTS.get(base[1:])
    if accent and base[0].isascii() and base[0].isalpha():
        return rf"\{accent}{{{base[0]}}}"
    if base.isascii():
        return "".join(map(_letter, base))
    return f"[U+{ord(letter):04X}]"


def _greek(letter: str) -> str | None:
    """The command of a Greek letter that LaTeX has one for."""
    words = unicodedata.name(letter, "").split()
    if words[:1] != ["GREEK"] or words[2:3] != ["LETTER"] or len(words) != 4:
        return None
    name = words[3].lower().replace("lamda", "lambda")
    if words[1] == "SMALL":
        return name if name in _GREEK else None
    return name.capitalize() if name in _GREEK_CAPITALS else None


_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip
_GREEK_CAPITALS = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")

_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip
"""Combining marks, and the commands that set them."""

_SPECIALS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": r"-{}",
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "−": r"\ensuremath{-}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "²": r"\ensuremath{^2}",
    "³": r"\ensuremath{^3}",
}
"""LaTeX's ten special characters, those that fonts or ligatures turn into others, and what reports often hold."""
