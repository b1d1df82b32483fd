"""What each command does, between the command line and the toolkit."""

import dataclasses
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlstudy import catalog
from dlstudy.datasets import registry
from dlstudy.devices import choose_slots, cores, gpus, memory_gb, what_tensorflow_sees
from dlstudy.errors import DefinitionError, RecordError, StudyError, UsageError
from dlstudy.finished import winner
from dlstudy.home import Home
from dlstudy.processes import ask
from dlstudy.provenance import versions
from dlstudy.record import Record
from dlstudy.report.blocks import Table
from dlstudy.report.export import FORMATS, as_json, export, write_whole
from dlstudy.report.index import index
from dlstudy.report.pictures import pictures_of
from dlstudy.results import StudySummary, TrialRecord
from dlstudy.session import read_summary
from dlstudy.summary import unmended
from dlstudy.texts import without_passwords
from dlstudy.views import make_console, print_rows, print_table

__all__ = ["data_list", "devices", "list_studies", "report", "report_all", "status"]


def list_studies(json: bool) -> None:
    """Lists the studies that can be run by name; a file that cannot be loaded is listed with its fault."""
    rows = []
    for name, path in sorted(catalog.paths().items()):
        try:
            study = catalog.load(path).study
            rows.append({"name": name, "question": study.question, "dataset": study.dataset, "path": str(path)})
        except StudyError as error:
            rows.append({"name": name, "question": f"cannot be loaded: {error}", "dataset": "–", "path": str(path)})
    print_rows(rows, "Studies", ["name", "question", "dataset", "path"], json)


def status(study: str | None, home: Home, storage: str | None, json: bool) -> None:
    """Shows trials by study, variant, phase and arm; of all studies, or of one, by its name or path."""
    name = None if study is None else catalog.name_of(study)
    record = Record.open(home, storage, for_writing=False)
    known, place = record.studies(), _place(home, storage)
    if name is not None and name not in known:
        raise RecordError(f"no results of {name!r} in {place}: known are {', '.join(known) or 'none'}")
    rows = []
    for each in [name] if name else known:
        alive = home.lock(each, storage).is_held()
        for generations in record.variants(each).values():
            for variant in generations:
                rows += _status_rows(record, each, variant, alive)
    if not rows and not json:
        print(f"no results in {place} yet: dlstudy run optimizers --quick makes some")
        return
    heads, note = ["study", "variant", "phase", "arm", "done", "diverged", "failed", "running"], ""
    if any(row["interrupted"] for row in rows):
        heads.append("interrupted")
        note = "Interrupted: the run ended while they trained. The same `dlstudy run` trains them again."
    if any(row["why"] for row in rows):
        heads.append("why")
    print_rows(rows, f"Trials in {place}", heads, json, note)


def _place(home: Home, storage: str | None) -> str:
    return str(home.root) if storage is None else without_passwords(storage)


def report(
    name: str | None, kind: str | None, output: Path | None, variant: str | None, *, home: Home, storage: str | None
) -> None:
    """Writes the report of a study to a file, or prints it; without a format, in that of the file's name.

    Raises:
        UsageError: no study is named, or a PDF would go to a terminal.
    """
    kind, output = _chosen(kind, output)
    if name is None:
        raise UsageError("report takes a study's name or --all, got neither: `dlstudy list` shows the names")
    _refuse_terminal(kind, output)
    file = catalog.load(catalog.find(name))
    summary = read_summary(file, Record.open(home, storage, for_writing=False), variant)
    _deliver(export(summary, kind, pictures_of(summary, home)), output)


def report_all(
    name: str | None, kind: str | None, output: Path | None, variant: str | None, *, home: Home, storage: str | None
) -> None:
    """Writes an index over the newest generation of every variant of every study, or prints it.

    In HTML, `output` may be a folder, and beside the index lies the report of each, which it leads to.

    Raises:
        UsageError: a study or a variant is named, or a PDF would go to a terminal.
        RecordError: there is no result.
    """
    kind, output = _chosen(kind, output)
    if name is not None or variant is not None:
        got = repr(name) if name is not None else f"--variant {variant}"
        raise UsageError(f"report --all takes every study and variant, got {got} too: leave one of them out")
    _refuse_terminal(kind, output)
    summaries, missing = _everything(Record.open(home, storage, for_writing=False))
    if not summaries and not missing:
        raise RecordError(f"no results in {_place(home, storage)} yet: `dlstudy run optimizers --quick` makes some")
    if output is None or kind != "html":
        _deliver(index(summaries, kind, missing=missing), output)
        return
    if output.is_dir() or not output.suffix:
        output = output / "index.html"
    names = [f"{summary.study}-{summary.variant}.html" for summary in summaries]
    for summary, file_name in zip(summaries, names, strict=True):
        _write(export(summary, kind, pictures_of(summary, home)), output.with_name(file_name))
    _deliver(index(summaries, kind, links=[quote(file_name) for file_name in names], missing=missing), output)


def _chosen(kind: str | None, output: Path | None) -> tuple[str, Path | None]:
    """The format and the file; `-` is the standard output.

    Raises:
        UsageError: the file's name says another format.
    """
    output = None if output == Path("-") else output
    named = output.suffix.removeprefix(".").lower() if output is not None else ""
    if kind is not None and named in FORMATS and named != kind:
        raise UsageError(f"--output {output} is named like {named}, got --format {kind}: leave one of them out")
    return kind or (named if named in FORMATS else "md"), output


def _everything(record: Record) -> tuple[list[StudySummary], list[str]]:
    """The summaries of all that a record holds, and a sentence for each study that could not be read."""
    summaries, missing, known = [], [], catalog.paths()
    for name in record.studies():
        if name not in known:
            missing.append(f"{name}: there is no study file of that name here")
            continue
        for generations in record.variants(name).values():
            try:
                summaries.append(read_summary(catalog.load(known[name]), record, generations[-1]))
            except (DefinitionError, RecordError) as error:
                missing.append(f"{name}, {generations[-1]}: {str(error).splitlines()[0]}")
    return summaries, missing


def _refuse_terminal(kind: str, output: Path | None) -> None:
    if kind == "pdf" and output is None and sys.stdout.isatty():
        raise UsageError("a PDF cannot be shown on a terminal, got no --output: name a file, or pipe it")


def _deliver(content: str | bytes, output: Path | None) -> None:
    """Writes what was made to a file and prints the file's name, or prints what was made."""
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


def devices(workers: int | None, per_gpu: int, json: bool) -> None:
    """Shows what there is and what would be used."""
    slots, remark = choose_slots(workers, per_gpu)
    about: dict[str, Any] = {  # Any: JSON
        "cores": cores(),
        "memory_gb": round(memory_gb(), 1),
        "gpus": [dataclasses.asdict(gpu) for gpu in gpus()],
        "versions": versions(),
        "tensorflow_sees": ask(what_tensorflow_sees),
        "slots": [slot.name for slot in slots],
        "remark": remark,
    }
    if json:
        sys.stdout.write(as_json(about))
        return
    sees = about["tensorflow_sees"]
    found = ", ".join(f"{gpu['index']}: {gpu['name']}, {gpu['memory_gb']:.0f} GiB" for gpu in about["gpus"])
    rows = [
        ["CPU cores", str(about["cores"])],
        ["memory", f"{about['memory_gb']} GiB"],
        ["GPUs (driver)", found or "none"],
        ["GPUs (TensorFlow)", ", ".join(sees["gpus"]) or "none"],
        ["CPUs (TensorFlow)", ", ".join(sees["cpus"])],
        *[[name, version] for name, version in about["versions"].items() if name not in ("cores",)],
        ["a run would use", f"{len(slots)} slots: {', '.join(about['slots'])}"],
    ]
    print_table(make_console(), Table("Devices", ["what", "here"], rows, remark))


def data_list(json: bool) -> None:
    """Lists the data sets."""
    rows = []
    for name in registry.names():
        about = registry.describe(name)
        rows.append(
            {
                "name": name,
                "title": about.title,
                "train": about.n_train,
                "test": about.n_test,
                "shape": "x".join(map(str, about.input_shape)),
                "units": about.units,
                "licence": about.licence,
                "state": registry.state(name),
                "caveat": about.caveat,
            }
        )
    heads = [head for head in rows[0] if head != "caveat"]
    caveats = " ".join(f"{row['name']}: {row['caveat']}." for row in rows if row["caveat"])
    print_rows(rows, "Data sets", heads, json, caveats)


def _status_rows(record: Record, study: str, variant: str, alive: bool) -> list[dict[str, Any]]:  # Any: JSON
    parts: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in record.trials(study, variant):
        parts.setdefault((trial.phase, trial.arm), []).append(trial)
    rows = []
    for (phase, arm), trials in parts.items():
        if phase == "replicate":  # those of earlier winners count for nothing
            direction = record.direction(f"{study}/{variant}/{arm}/{phase}")
            searched = parts.get(("search", arm), [])
            winners = {t.search: winner([s for s in searched if s.search == t.search], direction) for t in trials}
            trials = [t for t in trials if (best := winners[t.search]) and t.setting_key == best.setting_key]
        failed = unmended(trials)
        n_open = sum(trial.state == "running" for trial in trials)
        rows.append(
            {
                "study": study,
                "variant": variant,
                "phase": phase,
                "arm": arm,
                "done": len({(t.search, t.setting_key, t.row) for t in trials if t.ended_for_good}),
                "diverged": sum(trial.state == "diverged" for trial in trials),
                "failed": len(failed),
                "running": n_open if alive else 0,
                "interrupted": 0 if alive else n_open,
                "why": failed[-1].result.reason if failed and failed[-1].result else "",
            }
        )
    return rows
