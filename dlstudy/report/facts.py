"""The tables of a report, as text cells: the terminal, Markdown and HTML show the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.results import ArmSummary, ClaimSummary, MetricSummary, StudySummary, SweepSummary

__all__ = ["Table", "interval_text", "mood", "number", "params_text", "tables", "with_spread"]


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of cells, and one line on how to read it."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def tables(summary: StudySummary) -> list[Table]:
    """The tables of a report that have rows, in reading order."""
    made = [_arms(summary), *_sweeps(summary), _printed(summary), _computed(summary), _claims(summary)]
    return [table for table in made if table.rows]


def mood(cell: str) -> str:
    """`good`, `bad` or `open` for a cell that begins with a verdict, or with a number and a verdict; else empty."""
    first, _, rest = cell.partition(" ")
    words = rest if first.replace(".", "").isdecimal() else cell
    if words.startswith(("reproduced", "supported", "right")):
        return "good"
    if words.startswith(("not reproduced", "contradicted", "wrong")):
        return "bad"
    return "open" if words.startswith(("undecid", "not ")) else ""


def number(value: float | None) -> str:
    """A metric, to four decimals where that shows something."""
    if value is None:
        return "–"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3g}"


def with_spread(metric: MetricSummary | None) -> str:
    """Mean ± standard deviation over seeds."""
    if metric is None:
        return "–"
    return number(metric.mean) if metric.sd is None else f"{number(metric.mean)} ± {metric.sd:.4f}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """An interval, signs shown."""
    return f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else "–"


def params_text(params: Mapping[str, Any]) -> str:  # Any: JSON scalars
    """Parameters in one line."""
    shown = (f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items())
    return ", ".join(shown) or "nothing to tune"


def _arms(summary: StudySummary) -> Table:
    metric = summary.protocol["metric"]
    test = metric.replace("val_", "test_", 1)
    heads = ["arm", "best setting", f"search, {_label(metric)}", f"{_label(test)}, mean ± sd", "seeds", "drop"]
    rows = [_arm_cells(arm, test) for arm in summary.arms]
    note = _DROP.format(label=_label(metric))
    more = (
        ("at defaults", [with_spread(arm.defaults.get(test)) for arm in summary.arms], _DEFAULTS),
        ("printed", [_printed_cell(summary, arm, test) for arm in summary.arms], _PRINTED),
    )
    for head, cells, remark in more:
        if any(cell != "–" for cell in cells):
            heads, note = [*heads, head], f"{note} {remark}"
            rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    return Table("Arms, each tuned on its own", heads, rows, note)


_DROP = (
    "Drop: the winner's {label} in the search less its mean over fresh seeds; choosing the best of several flatters."
)
_DEFAULTS = "At defaults: out of the box, the library's own values in place of tuned ones, on the same seeds."
_PRINTED = "Printed: the document's figure at its own setting, and whether our runs of that setting reproduce it."


def _arm_cells(arm: ArmSummary, test: str) -> list[str]:
    best, seeds = arm.best, arm.replicates.get(test)
    return [
        arm.name,
        params_text(best.params) if best else "–",
        f"{number(best.value)} ({best.n_trials} trial{'s' if best.n_trials > 1 else ''})" if best else "–",
        with_spread(seeds),
        str(seeds.n if seeds else 0),
        "–" if arm.drop is None else f"{arm.drop:+.4f}",
    ]


def _printed_cell(summary: StudySummary, arm: ArmSummary, metric: str) -> str:
    for figure in summary.printed:
        if figure.arm == arm.name and figure.metric == metric and not figure.setting:
            if figure.reproduced == "not comparable":
                return "–"
            return f"{figure.printed} {figure.reproduced}"
    return "–"


def _printed(summary: StudySummary) -> Table:
    rows = [
        [
            figure.arm + (f" ({params_text(figure.setting)})" if figure.setting else ""),
            _label(figure.metric) + (f", epoch {figure.epoch}" if figure.epoch else ""),
            figure.printed,
            _as_printed(figure.ours, figure.printed),
            "–"
            if figure.interval is None
            else " to ".join(_as_printed(end, figure.printed) for end in figure.interval),
            str(figure.n),
            figure.reproduced + (f": {figure.why}" if figure.why and figure.reproduced != "not reproduced" else ""),
        ]
        for figure in summary.printed
        if figure.reproduced != "not comparable"
    ]
    heads = ["arm", "figure", "printed", "ours, mean", "95 % of runs", "seeds", "verdict"]
    note = (
        "Reproduced: the figure lies where 95 of 100 further runs of the same setting would fall (prediction interval "
        "over our seeds, widened by half a unit of the last printed digit). Undecidable: that range is too wide to "
        "mean anything."
    )
    return Table("Printed figures", heads, rows, note)


def _as_printed(value: float | None, printed: str) -> str:
    """A number with as many decimals as the printed one beside it, four at least."""
    decimals = len(printed.partition(".")[2])
    if value is None or not printed.replace(".", "").lstrip("+-").isdecimal():
        return number(value)
    return f"{value:.{max(4, decimals)}f}"


def _computed(summary: StudySummary) -> Table:
    rows = [
        [
            figure.text,
            figure.printed,
            f"{figure.value:,.15g}",
            figure.verdict + (f": {figure.why}" if figure.why else ""),
        ]
        for figure in summary.computed
    ]
    return Table("Figures that arithmetic can check", ["figure", "printed", "right value", "verdict"], rows)


def _sweeps(summary: StudySummary) -> list[Table]:
    """A table for each sweep and metric: the values down, the arms across."""
    made = []
    for sweep, metric in dict.fromkeys((item.sweep, item.metric) for item in summary.sweeps):
        points: dict[str, dict[str, str]] = {}
        for item in summary.sweeps:
            if (item.sweep, item.metric) == (sweep, metric):
                points.setdefault(params_text(item.point), {})[item.arm] = _at_point(item)
        arms = list(dict.fromkeys(arm for cells in points.values() for arm in cells))
        rows = [[point, *(cells.get(arm, "–") for arm in arms)] for point, cells in points.items()]
        if any(item.n for item in summary.sweeps if item.sweep == sweep):
            title = f"Sweep {sweep}: {_label(metric)}, mean ± sd over seeds"
            made.append(Table(title, ["at", *arms], rows))
    return made


def _at_point(item: SweepSummary) -> str:
    if item.mean is None:
        return f"all {item.n} diverged" if item.n and item.n == item.n_diverged else "–"
    shown = number(item.mean) if item.sd is None else f"{number(item.mean)} ± {item.sd:.4f}"
    return shown + (f" ({item.n_diverged} of {item.n} diverged)" if item.n_diverged else "")


def _claims(summary: StudySummary) -> Table:
    rows = [
        [
            claim.text,
            claim.verdict + (f": {claim.why}" if claim.why else ""),
            _measure(claim),
            "–" if claim.difference is None else f"{claim.difference:+.4f} against {claim.against}",
            interval_text(claim.interval),
            str(claim.n) if claim.n else "–",
        ]
        for claim in summary.claims
    ]
    heads = ["claim", "verdict", "measured by", "difference", "95 % interval", "pairs"]
    note = (
        "Difference: mean over paired seeds against the arm that is hardest to beat, positive where the claim says so; "
        "interval: paired t. A claim is supported when it holds against each arm that it names."
    )
    return Table("Claims", heads, rows, note)


def _measure(claim: ClaimSummary) -> str:
    if not claim.metric:
        return "–"
    return f"{_label(claim.how)} ({_WHERE[claim.phase]})"


_WHERE = {
    "replicate": "tuned winners",
    "printed": "printed settings",
    "defaults": "library's defaults",
    "tuning": "tuned winners against the library's defaults",
    "sweep": "stated values",
}


def _label(metric: str) -> str:
    return metric.replace("val_", "validation ").replace("train_", "training ").replace("_", " ")
