"""`dlstudy report`: the report of a study, or an index of all studies."""

import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from dlstudy.analysis.across import summarize_across
from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.results import StudySummary
from dlstudy.cli.console import store_name
from dlstudy.common.files import write_whole
from dlstudy.errors import DefinitionError, RecordError, UsageError
from dlstudy.report.across import export_across
from dlstudy.report.export import export, format_of, report_name
from dlstudy.report.figures.winner_figures import winner_figures
from dlstudy.report.index import index
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant
from dlstudy.training.study_rows import with_rows

__all__ = ["write_index", "write_report"]

_BINARY = {"pdf": "a PDF", "parquet": "a Parquet file", "card": "a picture"}


def write_report(
    name: str | None,
    kind: str | None,
    output: Path | None,
    variant: str | None,
    datasets: Sequence[str] = (),
    *,
    home: Home,
    storage: str | None,
) -> None:
    """Writes the report of a study to a file, or prints it; without a format, the file's suffix decides.

    Of several data sets it is the report over them; a file in HTML then has that of each data set beside it, linked.

    Raises:
        UsageError: no study is named, or a PDF would go to a terminal.
    """
    kind, output = _chosen(kind, output)
    if name is None:
        raise UsageError("report takes a study's name or --all, got neither: `dlstudy list` shows the names")
    _refuse_terminal(kind, output)
    file = with_rows(loader.load(loader.find(name, home.studies)))
    record = Record.open(home, storage, for_writing=False)
    summaries = [read_summary(file, record, each) for each in _variants(file, variant, datasets)]
    if len(summaries) == 1:
        _deliver(export(summaries[0], kind, winner_figures(summaries[0], home)), output)
        return
    links: list[str] = []
    if output is not None and kind == "html":
        links = [quote(path.name) for path in _write_each(summaries, output, home)]
    _deliver(export_across(summarize_across(file.study, summaries), kind, links), output)


def _variants(file: StudyFile, variant: str | None, datasets: Sequence[str]) -> list[str | None]:
    """The names of the variants that are asked for: one for each data set, if any is named."""
    if not datasets:
        return [variant]
    base = Variant() if variant is None else Variant.parse(variant)
    if base.dataset is not None:
        raise UsageError(
            f"--variant {variant} names a data set, got --dataset {datasets[0]} too: leave one of them out"
        )
    requests = Request(variant=base, datasets=tuple(datasets)).on_each(file.study.dataset)
    return [str(request.variant) for request in requests]


def _write_each(summaries: Sequence[StudySummary], output: Path, home: Home) -> list[Path]:
    """Writes the report of each summary in HTML beside a file."""
    return [
        _write(
            export(summary, "html", winner_figures(summary, home)),
            output.with_name(report_name(summary.study, summary.variant)),
        )
        for summary in summaries
    ]


def write_index(
    name: str | None,
    kind: str | None,
    output: Path | None,
    variant: str | None,
    datasets: Sequence[str] = (),
    *,
    home: Home,
    storage: str | None,
) -> None:
    """Writes an index of the newest generation of every variant of every study, or prints it.

    In HTML, `output` may be a folder, which then also holds the report of each study, linked from the index.

    Raises:
        UsageError: a study, a variant or a data set is named, or a PDF would go to a terminal.
        RecordError: there is no result.
    """
    kind, output = _chosen(kind, output)
    named = [repr(name)] if name is not None else []
    named += [f"--variant {variant}"] if variant is not None else []
    named += [f"--dataset {each}" for each in datasets]
    if named:
        raise UsageError(f"report --all takes every study and variant, got {named[0]} too: leave one of them out")
    _refuse_terminal(kind, output)
    summaries, missing = _everything(Record.open(home, storage, for_writing=False), home)
    if not summaries and not missing:
        raise RecordError(f"no results in {store_name(home, storage)} yet: run `dlstudy run optimizers --quick` first")
    if output is None or kind != "html":
        _deliver(index(summaries, kind, missing=missing), output)
        return
    if output.is_dir() or not output.suffix:
        output = output / "index.html"
    links = [quote(path.name) for path in _write_each(summaries, output, home)]
    _deliver(index(summaries, kind, links=links, missing=missing), output)


def _chosen(kind: str | None, output: Path | None) -> tuple[str, Path | None]:
    """The format and the file; `-` is the standard output.

    Raises:
        UsageError: the format contradicts the file's suffix.
    """
    output = None if output == Path("-") else output
    named = format_of(output) if output is not None else None
    if kind is not None and named is not None and named != kind:
        raise UsageError(f"--output {output} implies the format {named}, got --format {kind}: leave one of them out")
    return kind or named or "md", output


def _everything(record: Record, home: Home) -> tuple[list[StudySummary], list[str]]:
    """The summaries of all studies in a record, and a sentence for each study that could not be read."""
    summaries, missing, known = [], [], loader.paths(home.studies)
    for name in record.studies():
        if name not in known:
            missing.append(f"{name}: there is no study file of that name here")
            continue
        for generations in record.variants(name).values():
            try:
                summaries.append(read_summary(with_rows(loader.load(known[name])), record, str(generations[-1])))
            except (DefinitionError, RecordError) as error:
                missing.append(f"{name}, {generations[-1]}: {str(error).splitlines()[0]}")
    return summaries, missing


def _refuse_terminal(kind: str, output: Path | None) -> None:
    if kind in _BINARY and output is None and sys.stdout.isatty():
        raise UsageError(f"{_BINARY[kind]} cannot be shown on a terminal, got no --output: name a file, or pipe it")


def _deliver(content: str | bytes, output: Path | None) -> None:
    """Writes a report to a file and prints the file's name, or prints the report."""
    if output is not None:
        print(_write(content, output))
    elif isinstance(content, str):
        sys.stdout.write(content)
    else:
        sys.stdout.buffer.write(content)


def _write(content: str | bytes, output: Path) -> Path:
    try:
        return write_whole(output, content)
    except OSError as error:
        raise UsageError(
            f"the report cannot be written to {output} ({error.strerror}): name another --output"
        ) from error
