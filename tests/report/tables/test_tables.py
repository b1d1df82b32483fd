"""The tables of a report, by hand: arms, figures, claims, comparisons, checks, costs, failures."""

from dataclasses import replace

import numpy as np
import pytest

from dlstudy.analysis.aa_tests import false_verdicts
from dlstudy.analysis.cost_results import BudgetCurve, CostSummary
from dlstudy.analysis.crossed import crossed_mean
from dlstudy.analysis.formatting import interval_text, p_text
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.results import (
    Check,
    ClaimSummary,
    DerivedVerdict,
    FigureVerdict,
    MetricSummary,
    Unit,
    Verdict,
)
from dlstudy.report.blocks import Cell, Mood, Table, column_weights, mood_of, plain, without_empty
from dlstudy.report.labels import PHASES, label, listed, many, ranges, verdict_mood
from dlstudy.report.tables.arms import arms_table, derived_table, reported_table, spread_text, sweep_tables, tables
from dlstudy.report.tables.claims import claims_table, pairs_table, verdict_text
from dlstudy.report.tables.search import budget_table, checks_table, costs_table, failures_table
from dlstudy.study.arm import Arm
from dlstudy.study.claims import Claim, ClaimPhase, Derived
from dlstudy.study.protocol import Sweep
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up

A = [0.920, 0.931, 0.939, 0.930, 0.925, 0.935]
B = [0.900, 0.910, 0.920, 0.909, 0.906, 0.915]


@pytest.fixture
def study():
    claims = [Claim("a is better", better="a", than="b", metric="test_accuracy"), Claim("x", untestable="no data")]
    reported = [figure("0.9100"), figure("0.99", setting={"optimizer": "adam"}), figure("0.5", arm="b")]
    return make_study(seeds=6, reported=reported, claims=claims)


@pytest.fixture
def summary(study):
    reported = [0.909, 0.910, 0.911]
    return sum_up(
        study,
        [
            *runs_of(study, "a", "reported", reported),
            *runs_of(study, "b", "reported", reported),
            *runs_of(study, "a", "replicate", A),
            *runs_of(study, "b", "replicate", B),
        ],
    )


def judged(**changes):
    """A claim that was compared; `changes` are of its fields."""
    pair = Pair("b", range(8), [0.01] * 8, 0.012, 0.011, (0.005, 0.019), (0.006, 0.018))
    fields = {"difference": 0.012, "interval": (0.005, 0.019), "against": "b", "n": 8, "how": "test accuracy"}
    claim = ClaimSummary(
        "a is better", Verdict.SUPPORTED, "test_accuracy", None, ClaimPhase.REPLICATE, pairs=[pair], **fields
    )
    return replace(claim, **changes)


def test_tables_come_in_reading_order_and_only_with_rows(summary):
    assert [table.title for table in tables(summary)] == ["Arms, each tuned on its own", "Reported figures", "Claims"]
    assert [table.title for table in tables(sum_up(make_study(), []))] == ["Arms, each tuned on its own"]


def test_the_table_of_arms_by_hand(summary):
    rows = tables(summary)[0].rows
    assert rows[0] == ["a", "rate 0.5", "0.9000 (1 trial)", "0.9300 ± 0.0068", "6", "–", "0.9100 compatible", "0.9100"]
    assert rows[1][3:] == ["0.9100 ± 0.0070", "6", "–", "0.5 not compatible", "0.910"]


def test_the_optimism_is_given_to_the_place_of_the_spread(study):
    runs = [
        make_trial(study, "a", "search", value=0.95),
        *runs_of(study, "a", "replicate", [0.93, 0.95, 0.94], metric="val_accuracy")[1:],
    ]
    assert tables(sum_up(study, runs))[0].rows[0][5] == "+0.010"
    same = [
        make_trial(study, "a", "search", value=0.3),
        *runs_of(study, "a", "replicate", [0.1 + 0.2] * 2, "val_accuracy")[1:],
    ]
    assert tables(sum_up(study, same))[0].rows[0][5] == "0"


def test_the_table_of_reported_figures_by_hand(summary):
    table = reported_table(summary)
    # 0.91 +- 2.570582 * 0.001 * sqrt(4/3) +- 0.00005 with three runs: t(2) = 4.302653
    # Noticed in four of five cases: scipy.stats.nct.sf(4.302653, 2, 0.00653 / (0.001 * sqrt(4/3))) is 0.8
    row = ["a", "test accuracy", "0.9100", "0.9100", "0.9050 to 0.9150", "1.00", "0.0066", "3", "compatible"]
    assert table.rows[0] == row
    assert table.rows[1][-1] == "not run: --reported-variants trains it"
    assert table.heads == [
        "arm", "figure", "reported", "ours, mean", "95 % of runs", "adjusted p", "noticed from", "seeds", "verdict",
    ]  # fmt: skip


def test_the_table_of_reported_figures_says_what_chance_alone_misses(summary):
    # two runs decided of three: 2 * 0.05 misses, and one at least with 1 - 0.95 ** 2 = 0.0975
    note = reported_table(summary).note
    assert note.endswith(
        "Figures of 2 runs of the document decided, of 1 not compatible: chance alone would miss 0.1 on average, and "
        "at least one in 10 % of such documents."
    )
    assert "chance" not in reported_table(sum_up(make_study(reported=[figure("0.9")]), [])).note


def test_where_a_figure_is_reported_is_a_column_only_where_it_is_known():
    study = make_study(reported=[figure("0.91", place="page 3"), figure("0.5", arm="b")])
    table = reported_table(sum_up(study, []))
    assert (table.heads[-1], [row[-1] for row in table.rows]) == ("place", ["page 3", "–"])


def test_figures_that_are_not_comparable_are_not_shown(study, summary):
    shown = tables(sum_up(study, summary.trials, "quick"))
    assert [table.title for table in shown] == ["Arms, each tuned on its own", "Claims"]
    assert "reported" not in shown[0].heads


def test_derived_figures_have_digits_that_help():
    study = replace(
        make_study(),
        derived=[Derived("recall", "0.77", 137 / 178), Derived("n", "1,100", 1010, "misread")],
    )
    assert derived_table(sum_up(study, [])).rows == [
        ["recall", "0.77", "0.7697", "right"],
        ["n", "1,100", "1,010", "wrong: misread"],
    ]


def test_the_table_of_claims_by_hand(summary):
    # differences 0.020 0.021 0.019 0.021 0.019 0.020: of six, the interval is their range; p = 2 / 2 ** 6
    table = claims_table(summary)
    measured = ["test accuracy (tuned winners)", "+0.0200 against b", "+0.0190 to +0.0210", "0.031", "6 seeds"]
    assert table.rows[0] == ["1. a is better", "supported", *measured]
    assert table.rows[1] == ["2. x", "not testable: no data", "–", "–", "–", "–", "–"]
    assert table.note.endswith("on these test rows (not every run has test_accuracy of each row).")


def test_both_scopes_are_shown_where_rows_have_values(summary):
    rows = crossed_mean(np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, -1.0, 0.0]]))
    (first, *others) = summary.claims
    pairs = [replace(first.pairs[0], rows=rows)]
    claim = replace(first, pairs=pairs, rows_interval=rows.interval, rows_scope="on test rows of this kind")
    both = replace(summary, claims=[claim, *others])
    claims, compared = claims_table(both), pairs_table(both)
    assert claims.heads[4:6] == ["95 % interval", "on other rows"]
    assert claims.rows[0][5] == interval_text(rows.interval)
    assert claims.note.endswith(", and on test rows of this kind.")
    cells = dict(zip(compared.heads, compared.rows[0], strict=True))
    assert (cells["on other rows"], cells["p, other rows"]) == (interval_text(rows.interval), p_text(rows.p))
    assert cells["sd, rows"] == f"{rows.sd_rows:.2g}, {rows.sd_interaction:.2g}"


def test_each_comparison_stands_beneath_the_claims(summary):
    table = pairs_table(summary)
    row = dict(zip(table.heads, table.rows[0], strict=True))
    assert (row["claim"], row["pairs"], row["p"], row["adjusted p"]) == ("1 against b", "6 seeds", "0.031", "0.031")
    assert row["wins"] == "100 % (54 to 100)"  # Clopper-Pearson: 0.025 ** (1 / 6) = 0.5407
    assert row["effect size"] == "+18.83"  # 0.02 / 0.00089443 * (1 - 3 / 19)
    assert "on other rows" not in table.heads


def test_scopes_are_named_where_claims_differ_in_them(summary):
    claims = [judged(scope="here"), judged(scope="there"), judged(scope="here", aa_test=True)]
    table = claims_table(replace(summary, claims=claims))
    assert "Claims 1 and 3: here. Claim 2: there." in table.note
    assert table.note.endswith(
        "An A/A test is not a claim of the document: it compares two identical arms, and should be undecided."
    )
    assert table.rows[2][0] == "3. a is better (A/A test)"
    several = replace(summary, claims=claims, aa_tests=false_verdicts([True, *[False] * 9]))
    assert (
        "1 of 10 A/A tests gave a false verdict: 10 % (95 % Clopper-Pearson interval 0 to 45 %), where at most 5 %"
        in claims_table(several).note
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "supported"),
        ({"verdict": Verdict.WITHHELD, "why": "an edge"}, "withheld: an edge"),
        (
            {
                "verdict": Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS,
                "own_numbers": "it reports 1 of b",
                "measured": Verdict.SUPPORTED,
            },
            "contradicted by its own numbers: it reports 1 of b; our runs: supported",
        ),
        (
            {"verdict": Verdict.EQUIVALENT, "rope": 0.02},
            "equivalent: the 90 % interval +0.0060 to +0.0180 lies within ±0.02",
        ),
        (
            {"verdict": Verdict.UNDECIDED, "smallest": 0.01234, "rope": 0.005, "n_needed": 24},
            "undecided: 8 seeds would show a difference of 0.0123 in four of five such studies; one of 0.005 takes 24 "
            "seeds",
        ),
        (
            {"verdict": Verdict.UNDECIDED, "unit": Unit.SEARCH, "smallest": 0.5},
            "undecided: 8 searches would show a difference of 0.5000 in four of five such studies",
        ),
        ({"verdict": Verdict.UNDECIDED, "why": "p disagrees"}, "undecided: p disagrees"),
    ],
)  # fmt: skip
def test_a_verdict_says_why(changes, text):
    assert verdict_text(judged(**changes)) == text


@pytest.mark.parametrize("verdict", [*Verdict, *FigureVerdict, *DerivedVerdict])
def test_every_verdict_has_a_mood(verdict):
    good = (Verdict.SUPPORTED, FigureVerdict.COMPATIBLE, DerivedVerdict.RIGHT)
    bad = (
        Verdict.CONTRADICTED, Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS, FigureVerdict.NOT_COMPATIBLE,
        DerivedVerdict.WRONG,
    )  # fmt: skip
    expected = Mood.GOOD if verdict in good else Mood.BAD if verdict in bad else Mood.OPEN
    assert verdict_mood(verdict) is expected


def test_every_phase_of_a_claim_has_words():
    assert set(PHASES) == set(ClaimPhase)


def test_a_cell_is_its_text_and_keeps_its_mood():
    cell = Cell("0.9560 compatible", Mood.GOOD)
    assert (cell, hash(cell)) == ("0.9560 compatible", hash("0.9560 compatible"))
    assert (mood_of(cell), mood_of(Cell("x")), mood_of("supported")) == (Mood.GOOD, None, None)


def moods(table):
    """The cells of a table that have a mood."""
    return {cell: mood_of(cell) for row in table.rows for cell in row if mood_of(cell)}


def test_cells_with_a_verdict_have_its_mood_and_others_none(summary):
    assert moods(arms_table(summary)) == {"0.9100 compatible": Mood.GOOD, "0.5 not compatible": Mood.BAD}
    assert moods(reported_table(summary)) == {
        "compatible": Mood.GOOD, "not compatible": Mood.BAD, "not run: --reported-variants trains it": Mood.OPEN,
    }  # fmt: skip
    assert moods(claims_table(summary)) == {"supported": Mood.GOOD, "not testable: no data": Mood.OPEN}
    assert moods(pairs_table(summary)) == {}
    assert [mood for table in tables(summary) for mood in moods(table).values()].count(Mood.BAD) == 2


def test_arithmetic_checks_and_failures_have_moods(study, summary):
    derived = replace(make_study(), derived=[Derived("n", "1,100", 1010, "misread"), Derived("m", "1", 1)])
    assert moods(derived_table(sum_up(derived, []))) == {"wrong: misread": Mood.BAD, "right": Mood.GOOD}
    checks = [Check("a", "edge", True, "inside"), Check("b", "edge", False, "failed")]
    cells = [cell for row in checks_table(replace(summary, checks=checks)).rows for cell in row]
    assert [(cell, mood_of(cell)) for cell in cells] == [
        ("edge", None), ("b", None), ("failed", Mood.BAD), ("failed", None),
        ("edge", None), ("a", None), ("passed", Mood.GOOD), ("–", None),
    ]  # fmt: skip
    ended = [make_trial(study, "a", "search", i, state=state) for i, state in enumerate(("failed", "diverged", "lost"))]
    assert moods(failures_table(sum_up(study, ended))) == {"failed": Mood.BAD}


def test_a_cell_keeps_its_mood_where_a_table_loses_its_empty_columns():
    table = without_empty(Table("t", ["a", "b", "c"], [["1", "–", Cell("right", Mood.GOOD)]]))
    assert moods(table) == {"right": Mood.GOOD}


@pytest.mark.parametrize(
    ("fields", "measure"),
    [
        ({"metric": "val_accuracy", "epoch": 1}, "validation accuracy, epoch 1 (tuned winners)"),
        ({"metric": "train_loss", "phase": "reported"}, "training loss (reported settings)"),
        ({"metric": "val_loss", "margin": 0.05}, "validation loss, within 0.05 (tuned winners)"),
    ],
)
def test_a_claim_says_what_it_is_measured_by(fields, measure):
    study = make_study(claims=[Claim("a is better", better="a", than="b", **fields)])
    assert claims_table(sum_up(study, [])).rows[0][2] == measure


def test_a_sweep_is_a_table_of_values_by_arms():
    study = make_study(sweeps=[Sweep("rates", {"rate": (0.1, 0.9)}, seeds=2)])
    runs = [
        make_trial(study, arm, "sweep", row, {"rate": rate}, metrics={"val_accuracy": value + row / 100})
        for arm, rate, value in (("a", 0.1, 0.5), ("b", 0.1, 0.6), ("a", 0.9, 0.7))
        for row in (0, 1)
    ]
    lost = [make_trial(study, "b", "sweep", row, {"rate": 0.9}, state="diverged") for row in (0, 1)]
    half = [make_trial(study, "a", "sweep", 2, {"rate": 0.9}, state="over time")]
    (table,) = sweep_tables(sum_up(study, [*runs, *lost, *half]))
    assert table.title == "Sweep rates: validation accuracy"
    assert table.heads == ["at", "a", "b"]
    assert table.rows == [
        ["rate 0.1", "0.5050 ± 0.0071", "0.6050 ± 0.0071"],
        ["rate 0.9", "0.7050 ± 0.0071 (1 of 3 ran over time)", "all 2 diverged"],
    ]


def test_a_sweep_of_more_arms_than_values_has_the_arms_down():
    study = make_study(arms="abc", sweeps=[Sweep("rates", {"rate": (0.1, 0.9)}, seeds=2)])
    runs = [make_trial(study, "c", "sweep", 0, {"rate": 0.9}, metrics={"val_accuracy": 0.5})]
    (table,) = sweep_tables(sum_up(study, runs))
    assert table.heads == ["arm", "rate 0.1", "rate 0.9"]
    assert table.rows[-1] == ["c", "–", "0.5000"]


def test_a_sweep_without_runs_has_no_table():
    study = make_study(sweeps=[Sweep("rates", {"rate": (0.1, 0.9)}, seeds=2)])
    assert sweep_tables(sum_up(study, [])) == []


def test_checks_that_failed_come_first_and_one_by_one(summary):
    checks = [
        Check("a", "edge", True, "inside"), Check("b", "edge", False, "b lies at its edge"),
        Check("a", "budget", True, "8"), Check("b", "budget", True, "8"),
    ]  # fmt: skip
    assert checks_table(replace(summary, checks=checks)).rows == [
        ["edge", "b", "failed", "b lies at its edge"],
        ["edge", "a", "passed", "–"],
        ["budget", "a and b", "passed", "–"],
    ]
    assert checks_table(replace(summary, checks=checks[2:])).heads == ["check", "arms", "result"]


def test_a_budget_is_read_at_powers_of_two(summary):
    curves = [
        BudgetCurve("a", "best so far", 1, [None, 0.8, 0.8, 0.9, 0.95], seconds=[1, 2, 3, 4, 65.0]),
        BudgetCurve("b", "best so far", 1, [0.7], seconds=[2.5]),
    ]
    table = budget_table(replace(summary, budget_curves=curves))
    assert table.title == "Best validation accuracy by number of trials"
    assert table.heads == ["arm", "1 trial", "2 trials", "4 trials", "5 trials", "total slot time"]
    assert table.rows == [
        ["a", "–", "0.8000", "0.9000", "0.9500", "1 min 05 s"],
        ["b", "0.7000", "–", "–", "–", "2.5 s"],
    ]
    assert table.note == "Best so far over 1 search."
    assert budget_table(replace(summary, budget_curves=curves[1:])).rows == []


def test_costs_stand_beside_quality_and_what_is_not_known_is_left_out(summary):
    costs = [
        CostSummary("a", 101770, 0.44, 5.9, 3.2, 7, 8, 0.97, 6.25, 1112.4, None, None, ["cpu"]),
        CostSummary("b", None, None, 1.2, None, 0, 8, 0.97, None, None, 61.4, 23_456.0, ["cpu", "gpu"]),
    ]
    table = costs_table(replace(summary, costs=costs))
    assert table.rows == [
        [
            "a",
            "0.9300 ± 0.0068",
            "101,770",
            "0.44 s",
            "5.9 s",
            "3.2 s (7 of 8 runs)",
            "6.2 s",
            "1,112 MB",
            "–",
            "–",
            "cpu",
        ],
        ["b", "0.9100 ± 0.0070", "–", "–", "1.2 s", "0 of 8 runs", "–", "–", "61 %", "23 kJ", "cpu, gpu"],
    ]
    assert "a validation accuracy of 0.9700" in table.note
    assert "parameters" not in costs_table(replace(summary, costs=costs[1:])).heads


def test_every_failure_is_listed_and_equal_ones_together(study):
    trials = [
        *[make_trial(study, "b", "search", row, state="diverged", reason="loss is nan") for row in (1, 2, 3, 7)],
        make_trial(study, "a", "search", 4, state="failed", reason="out of memory"),
        replace(make_trial(study, "a", "search", 4, value=0.5), key="again", number=5),
        make_trial(study, "a", "replicate", 0, state="lost"),
        replace(make_trial(study, "a", "search", 5, state="diverged"), search=2),
        make_trial(study, "a", "search", 6, state="pruned"),
    ]
    table = failures_table(sum_up(study, trials))
    assert table.rows == [
        ["b", "search", "1 to 3, 7", "diverged", "loss is nan"],
        ["a", "search", "4", "failed, recovered by another try", "out of memory"],
        ["a", "replicate", "0", "lost", "–"],
        ["a", "search", "5 of search 2", "diverged", "–"],
    ]
    assert table.note == "7 trials of 9."


def test_words_by_hand():
    assert spread_text(None) == "–"
    assert spread_text(MetricSummary(0.5, 0.01, 2, [], [])) == "0.500 ± 0.010"
    assert [many(n, thing) for n, thing in ((1, "search"), (8, "search"), (0, "seed"))] == [
        "1 search",
        "8 searches",
        "0 seeds",
    ]
    assert [listed(words) for words in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    assert ranges([3, 1, 2, 7, 9, 8, 7, 12, 13]) == "1 to 3, 7 to 9, 12, 13"
    assert label("val_top_5_accuracy") == "validation top 5 accuracy"


def test_plain_text_is_one_line_that_nothing_turns_around():
    assert plain("a\n\tb\u2028c \x00\u202ed\u200f \ufeffe\ud800") == "a b c d e"
    assert plain("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"


def test_columns_that_are_empty_go_and_widths_add_up():
    table = without_empty(Table("t", ["a", "b", "c"], [["1", "–", "x"], ["2", "–", "–"]]))
    assert (table.heads, table.rows) == (["a", "c"], [["1", "x"], ["2", "–"]])
    assert without_empty(Table("t", ["a"], [])).heads == ["a"]
    narrow, wide = column_weights(Table("t", ["n", "reason"], [["1", "a long reason that takes several lines"]]))
    assert narrow + wide == pytest.approx(1)
    assert wide > 3 * narrow


def test_an_arm_from_elsewhere_is_among_the_arms_with_its_source():
    values = [0.90, 0.912, 0.908, 0.915, 0.899]
    paper = Arm.from_results("paper", {"test_accuracy": values}, source="Table 2 of Smith 2020")
    one = Arm.from_results("figure", {"test_accuracy": 0.95}, source="its abstract")
    claims = [Claim("a wins", "a", "paper", "test_accuracy"), Claim("a is first", "a", "figure", "test_accuracy")]
    study = make_study(seeds=8, elsewhere=[paper, one], claims=claims)
    summary = sum_up(study, runs_of(study, "a", "replicate", [0.93 + i / 1000 for i in range(8)]))
    table = arms_table(summary)
    assert [row[0] for row in table.rows] == ["a", "b", "paper (from elsewhere)", "figure (from elsewhere)"]
    assert [row[3:5] for row in table.rows[2:]] == [["0.9068 ± 0.0071", "5"], ["0.9500", "1"]]
    assert {len(row) for row in table.rows} == {len(table.heads)}
    assert "paper: Table 2 of Smith 2020; not trained here. figure: its abstract; not trained here." in table.note
    assert "p and interval are Welch's" in claims_table(summary).note
    assert "wins" not in pairs_table(summary).heads
