"""The main tables of a report, as cells of text: the terminal and every format of the report show the same."""

from collections.abc import Sequence

from dlstudy.analysis.formatting import (
    NOTHING,
    ROUNDING,
    difference,
    exact_beside,
    interval_text,
    like_reported,
    number,
    p_text,
    params_text,
    share_text,
    with_sd,
)
from dlstudy.analysis.inference import chance_misses
from dlstudy.analysis.reported import runs_of_document
from dlstudy.analysis.results import (
    ArmSummary,
    ElsewhereSummary,
    FigureVerdict,
    MetricSummary,
    ReportedSummary,
    StudySummary,
    SweepSummary,
)
from dlstudy.report.blocks import Cell, Table, without_empty
from dlstudy.report.labels import label, many, verdict_mood
from dlstudy.report.tables.claims import claims_table

__all__ = ["arms_table", "derived_table", "reported_table", "spread_text", "sweep_tables", "tables"]


def tables(summary: StudySummary) -> list[Table]:
    """The tables that answer the question and have rows, in reading order."""
    made = [arms_table(summary), reported_table(summary), derived_table(summary), claims_table(summary)]
    return [table for table in [*made, *sweep_tables(summary)] if table.rows]


def spread_text(metric: MetricSummary | None) -> str:
    """Mean ± standard deviation over seeds."""
    return NOTHING if metric is None else with_sd(metric.mean, metric.sd)


def arms_table(summary: StudySummary) -> Table:
    """The results of each arm: its winner, its test metric over fresh seeds, and the document's figure beside ours."""
    metric = summary.metric
    test = summary.test_metric
    several = summary.protocol["searches"] > 1  # the remarks name the winners of the others
    first = " of search 1" if several else ""
    searched = f"search{' 1' if several else ''}, {label(metric)}"
    heads = ["arm", f"best setting{first}", searched, f"{label(test)}, mean ± sd", "seeds", "optimism"]
    arms = _sorted(summary)
    rows = [_arm_cells(arm, metric, test) for arm in arms]
    note = _OPTIMISM.format(label=label(metric)) + (" Seeds and optimism: over all searches." if several else "")
    figures = [_reported_cells(summary, arm, test) for arm in arms]
    more = (
        ("at defaults", [spread_text(arm.defaults.get(test)) for arm in arms], _DEFAULTS),
        ("reported", [reported for reported, _ in figures], _REPORTED),
        ("ours at that setting", [ours for _, ours in figures], ""),
    )
    for head, cells, remark in more:
        if any(cell != NOTHING for cell in cells):
            heads, note = [*heads, head], f"{note} {remark}".strip()
            rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    rows += [_elsewhere_cells(arm, test, len(heads)) for arm in summary.elsewhere]
    note = " ".join([note, *(f"{arm.name}: {arm.source}; not trained here." for arm in summary.elsewhere)])
    return Table("Arms, each tuned on its own", heads, rows, note)


def _sorted(summary: StudySummary) -> list[ArmSummary]:
    """The arms by their result, best first; those without one are last, in the order of the study."""
    places = {name: i for i, name in enumerate(summary.ranking)}
    return sorted(summary.arms, key=lambda arm: places.get(arm.name, len(places)))


_OPTIMISM = (
    "Optimism: by how much the winner's {label} was better in the search than its mean over fresh seeds; choosing the "
    "best of several flatters it."
)
_DEFAULTS = "At defaults: out of the box, the library's own values in place of tuned ones, on the same seeds."
_REPORTED = (
    "Reported: the document's figure at its own setting, and whether it is compatible with our runs of that setting."
)


def _arm_cells(arm: ArmSummary, metric: str, test: str) -> list[str]:
    best, seeds = arm.best, arm.replicates.get(test)
    return [
        arm.name,
        params_text(best.params) if best else NOTHING,
        f"{number(best.value)} ({many(best.n_trials, 'trial')})" if best else NOTHING,
        spread_text(seeds),
        str(seeds.n if seeds else 0),
        _optimism(arm, arm.replicates.get(metric)),
    ]


def _elsewhere_cells(arm: ElsewhereSummary, test: str, n_columns: int) -> list[str]:
    known = arm.metrics.get(test)
    cells = [f"{arm.name} (from elsewhere)", NOTHING, NOTHING, spread_text(known), str(known.n) if known else NOTHING]
    return cells + [NOTHING] * (n_columns - len(cells))


def _optimism(arm: ArmSummary, searched: MetricSummary | None) -> str:
    """The optimism, to the place of the spread between seeds; 0 where it is rounding."""
    if arm.optimism is None or searched is None:
        return NOTHING
    if abs(arm.optimism) <= ROUNDING * abs(searched.mean):
        return "0"
    spread = searched.sd or 0.0
    return difference(arm.optimism, (-spread, spread))


def _reported_cells(summary: StudySummary, arm: ArmSummary, metric: str) -> tuple[str, str]:
    for figure in summary.reported:
        if figure.arm == arm.name and figure.metric == metric and not figure.setting:
            if figure.verdict is FigureVerdict.NOT_COMPARABLE:
                break
            ours = like_reported(figure.ours, figure.reported, figure.interval)
            return Cell(f"{figure.reported} {figure.verdict}", verdict_mood(figure.verdict)), ours
    return NOTHING, NOTHING


def reported_table(summary: StudySummary) -> Table:
    """Every reported figure beside ours; those that cannot be compared are left out."""
    figures = [figure for figure in summary.reported if figure.verdict is not FigureVerdict.NOT_COMPARABLE]
    rows = [
        [
            figure.arm + (f" ({params_text(figure.setting)})" if figure.setting else ""),
            label(figure.metric) + (f", epoch {figure.epoch}" if figure.epoch else ""),
            figure.reported,
            like_reported(figure.ours, figure.reported, figure.interval),
            interval_text(figure.interval, signed=False),
            p_text(figure.p_adjusted),
            NOTHING if figure.noticed is None else f"{figure.noticed:.2g}",
            str(figure.n),
            Cell(_figure_verdict_text(figure), verdict_mood(figure.verdict)),
            figure.place or NOTHING,
        ]
        for figure in figures
    ]
    heads = [
        "arm", "figure", "reported", "ours, mean", "95 % of runs", "adjusted p", "noticed from", "seeds", "verdict",
        "place",
    ]  # fmt: skip
    return without_empty(Table("Reported figures", heads, rows, _COMPATIBLE + _by_chance(figures)))


_COMPATIBLE = (
    "Compatible: one more of our runs of the same setting could well have given the figure (prediction interval over "
    "our seeds, widened by half a unit of the last reported digit); p is adjusted for all figures of one run of the "
    "document (Holm). Noticed from: so far from our mean, a setting would be found not compatible in four of five such "
    "studies. Undecidable: the range is too wide to mean much."
)


def _figure_verdict_text(figure: ReportedSummary) -> str:
    """The verdict, then why; for a figure that is not compatible, the other columns show why."""
    shows_why = figure.why and figure.verdict is not FigureVerdict.NOT_COMPATIBLE
    return f"{figure.verdict}: {figure.why}" if shows_why else figure.verdict


def _by_chance(figures: Sequence[ReportedSummary]) -> str:
    """How many runs of the document chance alone misses, in a sentence; empty where none was decided by chance."""
    decided = [figure for figure in figures if figure.p_adjusted is not None]
    runs = [[decided[i].verdict for i in members] for members in runs_of_document(decided)]
    if not runs:
        return ""
    expected, at_least_one = chance_misses(len(runs))
    found = sum(FigureVerdict.NOT_COMPATIBLE in verdicts for verdicts in runs)
    return (
        f" Figures of {many(len(runs), 'run')} of the document decided, of {found} not compatible: chance alone would "
        f"miss {expected:.2g} on average, and at least one in {share_text(at_least_one)} of such documents."
    )


def derived_table(summary: StudySummary) -> Table:
    """Reported figures that arithmetic can check."""
    rows = [
        [
            figure.text,
            figure.reported,
            exact_beside(figure.value, figure.reported),
            Cell(f"{figure.verdict}: {figure.why}".removesuffix(": "), verdict_mood(figure.verdict)),
        ]
        for figure in summary.derived
    ]
    return Table("Figures that arithmetic can check", ["figure", "reported", "right value", "verdict"], rows)


def sweep_tables(summary: StudySummary) -> list[Table]:
    """A table for each sweep and metric that runs have, the values by the arms."""
    made = []
    with_runs = [item for item in summary.sweeps if item.mean is not None or item.lost]
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
        return ", ".join(f"{f'all {n}' if n == item.n else n} {how}" for how, n in item.lost.items()) or NOTHING
    shown = with_sd(item.mean, item.sd)
    return shown + "".join(f" ({n} of {item.n} {how})" for how, n in item.lost.items())
