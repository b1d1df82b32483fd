"""The main tables of a report, as text cells: the terminal and every face of the report show the same."""

import re
from collections import Counter
from collections.abc import Sequence

from dlstudy.analysis.formatting import (
    NOTHING,
    ROUNDING,
    difference,
    exact_beside,
    interval_text,
    like_printed,
    number,
    params_text,
    share_text,
    with_sd,
)
from dlstudy.analysis.inference import chance_misses
from dlstudy.analysis.results import ArmSummary, MetricSummary, StudySummary, SweepSummary
from dlstudy.report.blocks import Table, without_empty
from dlstudy.report.labels import label, many
from dlstudy.report.tables.claims import claims_table

__all__ = ["arms_table", "computed_table", "mood", "printed_table", "spread_text", "sweep_tables", "tables"]


def tables(summary: StudySummary) -> list[Table]:
    """The tables that answer the question and have rows, in reading order."""
    made = [arms_table(summary), printed_table(summary), computed_table(summary), claims_table(summary)]
    return [table for table in [*made, *sweep_tables(summary)] if table.rows]


def mood(cell: str) -> str:
    """`good`, `bad` or `open` for a cell that begins with a verdict, or with a number and a verdict; else empty."""
    match = _VERDICT.match(cell)
    if match is None:
        return ""
    return next(kind for kind in ("good", "bad", "open") if match[kind])


_VERDICT = re.compile(
    r"(?:[+-]?\d[\d.,]*(?<!\.) )?(?:"
    r"(?P<good>reproduced|supported|right|passed)|"
    r"(?P<bad>not reproduced|contradicted by its own numbers|contradicted|wrong|failed)|"
    r"(?P<open>undecided|undecidable|equivalent|withheld|not testable|not run|not comparable))(?=$|[:,])"
)


def spread_text(metric: MetricSummary | None) -> str:
    """Mean ± standard deviation over seeds."""
    return NOTHING if metric is None else with_sd(metric.mean, metric.sd)


def arms_table(summary: StudySummary) -> Table:
    """What each arm gave: its winner, its test metric over fresh seeds, and the document's figure beside ours."""
    metric = summary.protocol["metric"]
    test = summary.test_metric
    several = summary.protocol["searches"] > 1  # the winners of the others stand in the remarks
    first = " of search 1" if several else ""
    searched = f"search{' 1' if several else ''}, {label(metric)}"
    heads = ["arm", f"best setting{first}", searched, f"{label(test)}, mean ± sd", "seeds", "drop"]
    rows = [_arm_cells(arm, metric, test) for arm in summary.arms]
    note = _DROP.format(label=label(metric)) + (" Seeds and drop: over all searches." if several else "")
    figures = [_printed_cells(summary, arm, test) for arm in summary.arms]
    more = (
        ("at defaults", [spread_text(arm.defaults.get(test)) for arm in summary.arms], _DEFAULTS),
        ("printed", [printed for printed, _ in figures], _PRINTED),
        ("ours at that setting", [ours for _, ours in figures], ""),
    )
    for head, cells, remark in more:
        if any(cell != NOTHING for cell in cells):
            heads, note = [*heads, head], f"{note} {remark}".strip()
            rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    return Table("Arms, each tuned on its own", heads, rows, note)


_DROP = (
    "Drop: by how much the winner's {label} was better in the search than its mean over fresh seeds; choosing the best "
    "of several flatters."
)
_DEFAULTS = "At defaults: out of the box, the library's own values in place of tuned ones, on the same seeds."
_PRINTED = "Printed: the document's figure at its own setting, and whether our runs of that setting reproduce it."


def _arm_cells(arm: ArmSummary, metric: str, test: str) -> list[str]:
    best, seeds = arm.best, arm.replicates.get(test)
    return [
        arm.name,
        params_text(best.params) if best else NOTHING,
        f"{number(best.value)} ({many(best.n_trials, 'trial')})" if best else NOTHING,
        spread_text(seeds),
        str(seeds.n if seeds else 0),
        _drop(arm, arm.replicates.get(metric)),
    ]


def _drop(arm: ArmSummary, searched: MetricSummary | None) -> str:
    """The drop, to the place of the spread between seeds; 0 where it is rounding."""
    if arm.drop is None or searched is None:
        return NOTHING
    if abs(arm.drop) <= ROUNDING * abs(searched.mean):
        return "0"
    spread = searched.sd or 0.0
    return difference(arm.drop, (-spread, spread))


def _printed_cells(summary: StudySummary, arm: ArmSummary, metric: str) -> tuple[str, str]:
    for figure in summary.printed:
        if figure.arm == arm.name and figure.metric == metric and not figure.setting:
            if figure.reproduced == "not comparable":
                break
            ours = like_printed(figure.ours, figure.printed, figure.interval)
            return f"{figure.printed} {figure.reproduced}", ours
    return NOTHING, NOTHING


def printed_table(summary: StudySummary) -> Table:
    """Every printed figure beside ours; those that cannot be compared are left out."""
    figures = [figure for figure in summary.printed if figure.reproduced != "not comparable"]
    rows = [
        [
            figure.arm + (f" ({params_text(figure.setting)})" if figure.setting else ""),
            label(figure.metric) + (f", epoch {figure.epoch}" if figure.epoch else ""),
            figure.printed,
            like_printed(figure.ours, figure.printed, figure.interval),
            interval_text(figure.interval, signed=False),
            str(figure.n),
            figure.reproduced + (f": {figure.why}" if figure.why and figure.reproduced != "not reproduced" else ""),
            figure.place or NOTHING,
        ]
        for figure in figures
    ]
    heads = ["arm", "figure", "printed", "ours, mean", "95 % of runs", "seeds", "verdict", "place"]
    note = _REPRODUCED + _by_chance([figure.reproduced for figure in figures])
    return without_empty(Table("Printed figures", heads, rows, note))


_REPRODUCED = (
    "Reproduced: the figure lies where 95 of 100 further runs of the same setting would fall (prediction interval over "
    "our seeds, widened by half a unit of the last printed digit). Undecidable: that range is too wide to mean much."
)


def _by_chance(verdicts: Sequence[str]) -> str:
    """How many misses chance alone gives, in a sentence; empty where nothing was decided."""
    k = sum(verdict in ("reproduced", "not reproduced") for verdict in verdicts)
    if not k:
        return ""
    expected, at_least_one = chance_misses(k)
    found = Counter(verdicts)["not reproduced"]
    return (
        f" {many(k, 'figure')} decided, {found} not reproduced: chance alone would miss {expected:.2g} on average, and "
        f"at least one in {share_text(at_least_one)} of such documents."
    )


def computed_table(summary: StudySummary) -> Table:
    """Printed figures that arithmetic can check."""
    rows = [
        [
            figure.text,
            figure.printed,
            exact_beside(figure.value, figure.printed),
            f"{figure.verdict}: {figure.why}".removesuffix(": "),
        ]
        for figure in summary.computed
    ]
    return Table("Figures that arithmetic can check", ["figure", "printed", "right value", "verdict"], rows)


def sweep_tables(summary: StudySummary) -> list[Table]:
    """A table for each sweep and metric that runs have, the values by the arms."""
    made = []
    with_runs = [item for item in summary.sweeps if item.mean is not None or item.n_diverged]
    for sweep, metric in dict.fromkeys((item.sweep, item.metric) for item in with_runs):
        points: dict[str, dict[str, str]] = {}
        for item in summary.sweeps:
            if (item.sweep, item.metric) == (sweep, metric):
                points.setdefault(params_text(item.point), {})[item.arm] = _at_point(item)
        title = f"Sweep {sweep}: {label(metric)}"
        arms = list(dict.fromkeys(arm for cells in points.values() for arm in cells))
        if len(arms) > len(points):  # the longer side goes down: pages are narrow
            rows = [[arm, *(cells.get(arm, NOTHING) for cells in points.values())] for arm in arms]
            made.append(Table(title, ["arm", *points], rows, _OVER_SEEDS))
        else:
            rows = [[point, *(cells.get(arm, NOTHING) for arm in arms)] for point, cells in points.items()]
            made.append(Table(title, ["at", *arms], rows, _OVER_SEEDS))
    return made


_OVER_SEEDS = "Mean ± standard deviation over seeds, of the runs that finished."


def _at_point(item: SweepSummary) -> str:
    if item.mean is None:
        return f"all {item.n} diverged" if item.n and item.n == item.n_diverged else NOTHING
    shown = with_sd(item.mean, item.sd)
    return shown + (f" ({item.n_diverged} of {item.n} diverged)" if item.n_diverged else "")
