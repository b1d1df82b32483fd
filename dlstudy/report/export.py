"""Writes a report in the format that is asked for."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlstudy.errors import UsageError
from dlstudy.report.pages import html_page, markdown
from dlstudy.report.pictures import Picture
from dlstudy.results import StudySummary

__all__ = ["FORMATS", "as_json", "export", "export_all"]


def export(summary: StudySummary, kind: str, provenance: Mapping[str, str], pictures: Sequence[Picture] = ()) -> str:
    """The report as text: `md`, `html` or `json`. HTML alone shows the study's own pictures.

    Raises:
        UsageError: no such format.
    """
    if kind not in FORMATS:
        raise UsageError(f"--format must be one of {', '.join(FORMATS)}, got {kind!r}")
    return FORMATS[kind](summary, provenance, pictures)


def export_all(
    summary: StudySummary, provenance: Mapping[str, str], folder: Path, pictures: Sequence[Picture] = ()
) -> list[Path]:
    """Writes the report in every format into a folder, each file whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in FORMATS:
        path = folder / f"{summary.study}-{summary.variant}.{kind}"
        part = path.with_suffix(f"{path.suffix}.part")
        part.write_text(export(summary, kind, provenance, pictures), encoding="utf-8")
        written.append(part.replace(path))
    return written


def as_json(data: Any) -> str:  # Any: JSON
    """Strict JSON: a number that is not finite becomes null."""
    return json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _report_json(summary: StudySummary, provenance: Mapping[str, str], _: Sequence[Picture]) -> str:
    """The JSON report, a line for each trial: several times faster to write than a line for each number."""
    data = {**summary.to_json(), "made_with": dict(provenance)}
    trials = ",\n".join(f"    {_line(trial)}" for trial in data.pop("trials"))
    head = as_json(data).removesuffix("\n}\n")
    return f'{head},\n  "trials": [\n{trials}\n  ]\n}}\n'


def _line(data: Any) -> str:  # Any: JSON
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:  # a number is not finite
        return json.dumps(_finite(data), ensure_ascii=False, allow_nan=False)


def _finite(data: Any) -> Any:  # Any: JSON
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(item) for item in data] if isinstance(data, list | tuple) else data


FORMATS: dict[str, Callable[[StudySummary, Mapping[str, str], Sequence[Picture]], str]] = {
    "md": lambda summary, *_: markdown(summary),
    "html": html_page,
    "json": _report_json,
}
