"""Writes a report in the requested format."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from dlstudy.analysis.results import StudySummary
from dlstudy.common.files import write_whole
from dlstudy.errors import UsageError
from dlstudy.report.blocks import Document
from dlstudy.report.figures.all_figures import draw
from dlstudy.report.figures.winner_figures import WinnerFigure
from dlstudy.report.formats.csv_tables import trials_csv, trials_parquet
from dlstudy.report.formats.html import html_page
from dlstudy.report.formats.latex import latex
from dlstudy.report.formats.markdown import markdown
from dlstudy.report.formats.pdf import NO_TYPST, can_make_pdf, pdf
from dlstudy.report.formats.study_card import study_card
from dlstudy.report.outline import document
from dlstudy.study.variant import Variant

__all__ = [
    "ALL_FORMATS",
    "FORMATS",
    "RENDERERS",
    "WITH_PICTURES",
    "as_json",
    "check_format",
    "export",
    "export_all",
    "format_of",
    "formats_here",
    "report_name",
    "write_report",
]

RENDERERS: dict[str, Callable[[Document], str | bytes]] = {"html": html_page, "pdf": pdf, "md": markdown, "tex": latex}
"""How a document becomes a file, by format."""

FORMATS = ("html", "pdf", "md", "csv", "tex", "json")
"""Those that a run writes, PDF where typst is installed."""

_OF_TRIALS: dict[str, Callable[[StudySummary], str | bytes]] = {"csv": trials_csv, "parquet": trials_parquet}
"""The trials alone, by format; Parquet is written on request."""

_CARDS: Mapping[str, Literal["svg", "png"]] = {"svg": "svg", "card": "png"}
"""The card of the study, by format; written on request."""

ALL_FORMATS = (*FORMATS, "parquet", *_CARDS)

WITH_PICTURES = ("html", "pdf")
"""The formats that show pictures; the others have their alternative texts."""

_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that JSON does not escape and a terminal obeys: control characters, and those of text direction."""


def check_format(kind: str, known: Sequence[str] = FORMATS) -> None:
    """Rejects a format that is unknown, or that cannot be written here.

    Raises:
        UsageError: no such format, or one that typst sets, which is not installed.
    """
    if kind not in known:
        raise UsageError(f"--format must be one of {', '.join(known)}, got {kind!r}")
    set_by_typst = ("pdf", *_CARDS)
    if kind in set_by_typst and not can_make_pdf():
        others = [other for other in known if other not in set_by_typst]
        raise UsageError(f"{NO_TYPST}, or name another format: {', '.join(others)}")


def formats_here() -> tuple[str, ...]:
    """Those of `FORMATS` that can be written here."""
    return tuple(kind for kind in FORMATS if kind != "pdf" or can_make_pdf())


@overload
def export(
    summary: StudySummary, kind: Literal["pdf", "parquet", "svg", "card"], winners: Sequence[WinnerFigure] = ()
) -> bytes: ...
@overload
def export(
    summary: StudySummary, kind: Literal["html", "md", "csv", "tex", "json"], winners: Sequence[WinnerFigure] = ()
) -> str: ...
@overload
def export(summary: StudySummary, kind: str, winners: Sequence[WinnerFigure] = ()) -> str | bytes: ...
def export(summary: StudySummary, kind: str, winners: Sequence[WinnerFigure] = ()) -> str | bytes:
    """The report in one format: bytes for `pdf`, `parquet`, `svg` and `card`, else text.

    Raises:
        UsageError: no such format.
    """
    check_format(kind, ALL_FORMATS)
    return _export(summary, kind, draw(summary) if kind in WITH_PICTURES else {}, winners)


def report_name(study: str, variant: Variant | str, suffix: str = "html") -> str:
    """The name of the file that a variant's report has beside others."""
    return f"{study}-{variant}.{suffix}"


def format_of(path: Path) -> str | None:
    """The format that a file's suffix names; None where it names none."""
    suffix = path.suffix.removeprefix(".").lower()
    found = next((kind for kind, image in _CARDS.items() if image == suffix), suffix)
    return found if found in ALL_FORMATS else None


def export_all(summary: StudySummary, folder: Path, winners: Sequence[WinnerFigure] = ()) -> list[Path]:
    """Writes the report in each of `formats_here` into a folder, each file whole or not at all; draws figures once."""
    figures = draw(summary)
    return [
        write_whole(
            folder / report_name(summary.study, summary.variant, kind), _export(summary, kind, figures, winners)
        )
        for kind in formats_here()
    ]


def write_report(path: Path, make: Callable[[str], str | bytes]) -> Path:
    """Writes a report in the format of a file's suffix.

    Args:
        path: of the file.
        make: the report in a format.

    Raises:
        UsageError: there is no such format, or the file cannot be written.
    """
    kind = format_of(path)
    if kind is None:
        suffixes = ", .".join(_CARDS.get(each, each) for each in ALL_FORMATS)
        raise UsageError(f"the suffix of a report must be one of .{suffixes}, got {path.name!r}")
    try:
        return write_whole(path, make(kind))
    except OSError as error:
        raise UsageError(f"the report cannot be written to {path} ({error.strerror}): name another file") from error


def as_json(data: Any) -> str:  # Any: JSON
    """Strict JSON: a number that is not finite becomes null."""
    return json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False).translate(_ESCAPED) + "\n"


def _export(
    summary: StudySummary, kind: str, figures: Mapping[str, bytes], winners: Sequence[WinnerFigure]
) -> str | bytes:
    if kind == "json":
        return _report_json(summary)
    if kind in _CARDS:
        return study_card(summary, _CARDS[kind])
    if kind in _OF_TRIALS:
        return _OF_TRIALS[kind](summary)
    return RENDERERS[kind](document(summary, figures if kind in WITH_PICTURES else None, winners))


def _report_json(summary: StudySummary) -> str:
    """The JSON report, a line for each trial: several times faster to write than a line for each number."""
    data = summary.to_json()
    trials = ",\n".join(f"    {_line(trial)}" for trial in data.pop("trials"))
    head = as_json(data).removesuffix("\n}\n")
    return f'{head},\n  "trials": [\n{trials}\n  ]\n}}\n'


def _line(data: Any) -> str:  # Any: JSON
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:  # a number is not finite
        text = json.dumps(_finite(data), ensure_ascii=False, allow_nan=False)
    return text.translate(_ESCAPED)


def _finite(data: Any) -> Any:  # Any: JSON
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(item) for item in data] if isinstance(data, list | tuple) else data
