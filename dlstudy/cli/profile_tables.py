"""The profile of a data set in tables."""

from collections.abc import Sequence

from dlstudy.datasets.dataset import Description
from dlstudy.datasets.profile import ColumnProfile, DatasetProfile
from dlstudy.report.blocks import Table

__all__ = ["profile_tables"]


def profile_tables(about: Description, profile: DatasetProfile) -> list[Table]:
    """The profile in tables, of which some may have no rows."""
    rows = [[name, f"{n:,}"] for name, n in profile.rows.items()]
    return [
        Table("Rows", ["part", "rows"], rows, _notes(profile)),
        _balance(about, profile),
        _columns("Inputs", profile.inputs),
        _columns("Targets", profile.targets),
        _spreads([*profile.inputs, *(() if profile.balance else profile.targets)]),
    ]


def _notes(profile: DatasetProfile) -> str:
    is_whole = "all" in profile.rows
    which = "rows" if is_whole else "training rows"
    seen = f"the {sum(profile.rows.values()) if is_whole else profile.rows['train']:,} {which}"
    seen = seen if profile.n_seen is None else f"the first {profile.n_seen:,} training rows"
    notes = ["These rows come undivided: a study's split divides them." if is_whole else ""]
    twins = f", and {profile.twins}" if profile.twins else ""
    notes.append(f"{profile.n_repeats:,} of {seen} repeat an earlier one{twins}.")
    notes.append(f"{profile.n_groups:,} groups." if profile.n_groups else "")
    notes.append("What follows is of those rows." if profile.n_seen is not None else "")
    return " ".join(filter(None, notes))


def _balance(about: Description, profile: DatasetProfile) -> Table:
    """The rows, or the steps, of each label, with their share: of several labels a row, of the rows."""
    parts = ["all"] if "all" in profile.rows else ["train", "test"][: len(next(iter(profile.balance.values()), ()))]
    if about.task == "multilabel":
        wholes = [about.n_train, about.n_test]
    else:
        wholes = [sum(counts) for counts in zip(*profile.balance.values(), strict=True)]
    rows = [
        [label, *[cell for n, of_all in zip(counts, wholes, strict=False) for cell in _share(n, of_all)]]
        for label, counts in profile.balance.items()
    ]
    heads = [about.label_word, *[head for part in parts for head in (part, f"share of {part}")]]
    ratio = "one has no rows" if profile.ratio is None else f"{profile.ratio:.4g}"
    word, first = about.label_word, next(iter(parts), "all")
    note = f"Largest {word} / smallest {word} ({first}): {ratio}."
    return Table(f"{about.counted.title()} of each {word}", heads, rows, note)


def _share(n: int, of_all: int) -> tuple[str, str]:
    return f"{n:,}", f"{100 * n / of_all:.1f} %" if of_all else ""


def _columns(title: str, columns: Sequence[ColumnProfile]) -> Table:
    heads = ["name", "type", "shape", "missing", "different", "range or most common", "first values"]
    rows = [
        [column.name, column.kind, " x ".join(map(str, column.shape)), f"{column.missing:,}",
         "" if column.different is None else f"{column.different:,}", column.summary, "; ".join(column.samples)]
        for column in columns
    ]  # fmt: skip
    return Table(title, heads, rows)


def _spreads(columns: Sequence[ColumnProfile]) -> Table:
    rows = [
        [column.name, *[f"{value:.5g}" for value in (of.lower_quartile, of.median, of.upper_quartile, of.mean, of.sd)]]
        for column in columns
        if (of := column.spread) is not None
    ]
    return Table("Numbers", ["name", "25 %", "median", "75 %", "mean", "sd"], rows)
