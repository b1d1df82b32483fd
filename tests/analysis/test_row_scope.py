"""Test rows as a sample: the differences of each row by hand, and verdicts on these rows and on others."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.comparison import Comparison, compare, smallest_in_metric, units_for
from dlstudy.analysis.crossed import crossed_mean
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.results import Check, Unit
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.study.claims import Claim
from dlstudy.study.row_values import pack_bits, pack_numbers
from dlstudy.study.split import Split
from tests.helpers.builders import make_study, make_trial

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
STATED = Split(10, test=[0, 1, 2, 3])
RIGHT = {"a": ["1100", "1110", "0000"], "b": ["1000", "0010"]}  # the third seed of a has no counterpart


def with_rows(study, rows_of, metric="test_accuracy", phase="replicate", **changes):
    """A run for each row of a matrix, (seeds, rows), of each arm: with its mean as the metric, and its rows."""
    trials = [make_trial(study, arm, "search", value=0.5, **changes) for arm in rows_of if phase == "replicate"]
    for arm, matrix in rows_of.items():
        for index, rows in enumerate(np.asarray(matrix, float)):
            kept = {"row_values": {metric: pack_numbers(rows)}}
            if metric == "test_accuracy":
                kept = {"correct": pack_bits(rows > 0)}
            metrics = {metric: rows.mean(), "val_accuracy": 0.5}
            trials.append(make_trial(study, arm, phase, index, metrics=metrics, **kept, **changes))
    return trials


def bits(texts):
    return [[int(letter) for letter in text] for text in texts]


def judged_rows(study, texts=RIGHT, **changes):
    return with_rows(study, {arm: bits(rows) for arm, rows in texts.items()}, **changes)


def pair_of(study, trials, claim=None):
    return Comparison(study, ClaimMeasurements(study, claim or BETTER(), TrialIndex(study, trials))).pair("b")


@pytest.mark.parametrize("phase", ["replicate", "reported"])
def test_the_differences_of_rows_come_from_those_that_were_right(phase):
    study = make_study(split=STATED)
    pair = pair_of(study, judged_rows(study, phase=phase), BETTER(phase=phase))
    assert pair.rows == crossed_mean(np.array([[0, 1, 0, 0], [1, 1, 0, 0]]))
    assert (pair.rows.mean, pair.mean, pair.why_no_rows) == (0.375, 0.375, "")


def test_of_a_loss_less_is_ahead_in_each_row():
    study = make_study(split=STATED)
    rows = {"a": [[1, 2, 3, 4], [2, 2, 2, 2]], "b": [[2, 2, 3, 4], [4, 2, 2, 2]]}
    pair = pair_of(study, with_rows(study, rows, "test_loss"), BETTER(metric="test_loss"))
    assert pair.rows == crossed_mean(np.array([[1, 0, 0, 0], [2, 0, 0, 0]]))
    assert pair.rows.mean == pair.mean == 0.375


def test_with_several_searches_a_unit_is_the_mean_over_the_seeds_of_a_search():
    study = make_study(split=STATED, searches=3)
    found = {1: ["1100", "1000"], 2: ["1010", "1110"], 3: ["0001", "1111"]}
    trials = [
        trial
        for search, texts in found.items()
        for trial in judged_rows(study, {"a": texts, "b": ["0000", "0000"]}, search=search)
    ]
    pair = pair_of(study, trials)
    assert pair.units == [1, 2, 3]
    assert pair.rows == crossed_mean(np.array([[1, 0.5, 0, 0], [1, 0.5, 1, 0], [0.5, 0.5, 0.5, 1]]))


def test_where_nothing_is_tuned_the_seeds_of_all_searches_are_units():
    study = make_study(split=STATED, searches=3, seeds=2)
    study = replace(study, arms=[replace(arm, space={}, setting={**arm.setting, "rate": 0.5}) for arm in study.arms])
    trials = [
        trial
        for search, texts in {1: ["1100", "1000"], 2: ["1010", "1110"], 3: ["0001", "1111"]}.items()
        for trial in judged_rows(study, {"a": texts, "b": ["0000", "0000"]}, search=search)
    ]
    pair = pair_of(study, trials)
    assert pair.rows == crossed_mean(np.array(bits(["1100", "1000", "1010", "1110", "0001", "1111"])))
    assert (pair.rows.n_units, pair.rows.mean) == (len(pair.units), pytest.approx(pair.mean))


def test_what_tuning_gains_in_each_row_is_the_difference_of_two_runs_on_one_seed():
    study = make_study(split=STATED, claims=())
    arms = [replace(arm, defaults={"rate": 0.3}) for arm in study.arms]
    study = replace(study, arms=arms)
    trials = judged_rows(study, {"a": ["1111", "1110"], "b": ["1100", "1000"]})
    plain = {"a": ["1000", "1000"], "b": ["0100", "1000"]}
    trials += judged_rows(study, plain, phase="defaults", tuned={"rate": 0.3})
    pair = pair_of(study, trials, BETTER(phase="tuning"))
    gains = np.array([[0, 1, 1, 1], [0, 1, 1, 0]]) - np.array([[1, 0, 0, 0], [0, 0, 0, 0]])
    assert abs(pair.rows.mean) == gains.mean() == abs(pair.mean)
    assert pair.rows.mean == pair.mean


def test_the_rows_of_a_test_set_that_fill_no_byte_are_counted_exactly():
    study = make_study()  # digits: 360 test rows
    pair = pair_of(study, judged_rows(study, {"a": ["1" * 360] * 2, "b": ["1" * 359 + "0"] * 2}))
    assert (pair.rows.n_rows, pair.rows.mean) == (360, pytest.approx(1 / 360))


MISSING = {"a": ["1100", "0011"], "b": ["1000", "0010"]}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"metric": "val_accuracy"}, ""),
        ({"metric": "test_accuracy", "epoch": 1}, "rows are kept at the end of training"),
        ({"metric": "test_accuracy", "target": 0.4}, "an epoch that reaches a target has no rows"),
        ({"metric": "test_loss"}, "not every run has test_loss of each row"),
    ],
)
def test_where_rows_have_no_values_the_reason_is_given(fields, why):
    study = make_study(split=STATED)
    series = {"test_accuracy": [0.5], "val_accuracy": [0.5], "test_loss": [0.5]}
    trials = [
        replace(trial, result=replace(trial.result, history=series, metrics={**trial.metrics, "test_loss": 0.5}))
        for trial in judged_rows(study)
    ]
    pair = pair_of(study, trials, BETTER(**fields))
    assert (len(pair.units), pair.rows, pair.why_no_rows) == (2, None, why)


def test_one_run_without_its_rows_or_that_diverged_leaves_none():
    study = make_study(split=STATED)
    trials = judged_rows(study)
    changes = [{"correct": ""}, {"state": "diverged", "metrics": {}, "correct": ""}]
    for change in changes:
        other = [*trials[:-1], make_trial(study, "b", "replicate", 1, **({"metrics": trials[-1].metrics} | change))]
        pair = pair_of(study, other)
        assert (len(pair.units), pair.rows) == (2, None)
        assert pair.why_no_rows == "not every run has test_accuracy of each row"


def test_arms_that_were_judged_on_other_rows_have_none_in_common():
    study = make_study(split=STATED)
    other = [replace(study.arms[0], reported_split=Split(0, test=[4, 5, 6, 7])), study.arms[1]]
    trials, claim = judged_rows(study, phase="reported"), BETTER(phase="reported")
    assert pair_of(study, trials, claim).rows is not None
    assert pair_of(replace(study, arms=other), trials, claim).why_no_rows == "the arms have other test rows"


# Of 360 rows, arm a is right on more of them than b, by the same number on every seed, but on rows of its own.
def apart(ahead, n_own, n_seeds=8):
    """Arms that are right on all rows but some: a is ahead by `ahead` rows, and b right on `n_own` that a misses."""
    a, b = np.ones((n_seeds, 360)), np.ones((n_seeds, 360))
    a[:, :n_own] = 0
    b[:, n_own : 2 * n_own + ahead] = 0
    b[: n_seeds // 2, -1] = 0  # so that seeds are not all alike
    return {"a": a, "b": b}


def verdict_of(rows_of, claim=None, checks=(), **changes):
    claim = claim or BETTER()
    study = make_study(claims=[claim], **changes)
    (found,) = judge_claims(study, [claim], TrialIndex(study, with_rows(study, rows_of)), checks)
    return found


def test_what_holds_on_these_rows_only_is_undecided_and_says_so():
    found = verdict_of(apart(ahead=4, n_own=20))
    assert (found.verdict, found.measured, found.on_these_rows) == ("undecided", "undecided", "supported")
    assert found.why == "on these test rows only: supported"
    assert found.interval[0] > 0 > found.rows_interval[0]
    assert found.p == found.deciding.rows.p > 0.05 > found.deciding.p
    assert found.rows_scope == "on test rows of this kind"


def test_what_holds_on_other_rows_too_is_supported_without_a_word_about_rows():
    found = verdict_of(apart(ahead=40, n_own=2))
    assert (found.verdict, found.on_these_rows, found.why) == ("supported", None, "")
    assert found.p == found.deciding.p == 2 / 2**8  # the harder of the two


def test_the_worse_arm_is_contradicted_only_where_other_rows_would_say_so():
    turned = BETTER(better="b", than="a")
    assert verdict_of(apart(ahead=40, n_own=2), turned).verdict == "contradicted"
    found = verdict_of(apart(ahead=4, n_own=20), turned)
    assert (found.verdict, found.on_these_rows) == ("undecided", "contradicted")


@pytest.mark.parametrize("field", ["margin", "rope"])
def test_arms_are_alike_only_where_they_would_be_on_other_rows(field):
    rows = apart(ahead=0, n_own=40)
    near, far = (verdict_of(rows, BETTER(**{field: size})) for size in (0.01, 0.2))
    alike = "supported" if field == "margin" else "equivalent"
    assert (near.verdict, near.on_these_rows) == ("undecided", alike)
    assert (far.verdict, far.on_these_rows) == (alike, None)


@pytest.mark.parametrize(("ahead", "n_own", "verdict"), [(40, 2, "supported"), (4, 20, "undecided")])
def test_arms_that_are_alike_on_every_seed_differ_by_the_chance_of_rows(ahead, n_own, verdict):
    rows = {arm: matrix[-1:].repeat(8, axis=0) for arm, matrix in apart(ahead, n_own).items()}
    found = verdict_of(rows)
    assert (found.deciding.by_chance, found.deciding.p, found.p) == (False, None, found.deciding.rows.p)
    assert (found.verdict, found.on_these_rows) == (verdict, None if verdict == "supported" else "supported")
    assert found.why.endswith("the same difference on every seed")


def test_a_claim_against_two_arms_takes_the_rows_of_both():
    rows = apart(ahead=40, n_own=2)
    rows["c"] = np.ones((8, 360))
    rows["c"][:, 100:106] = rows["c"][:4, 106] = 0  # a misses two others
    claim = BETTER(than=("b", "c"))
    study = make_study(arms="abc", claims=[claim])
    (found,) = judge_claims(study, [claim], TrialIndex(study, with_rows(study, rows)), ())
    assert (found.verdict, found.on_these_rows, found.against) == ("undecided", "supported", "c")
    assert found.p == found.deciding.rows.p > 0.05


def test_a_verdict_that_is_withheld_on_these_rows_only_says_what_it_would_be():
    check = Check("b", "bracket", passed=False, text="b's best rate is at an end")
    found = verdict_of(apart(ahead=4, n_own=20), checks=[check])
    assert (found.verdict, found.on_these_rows) == ("undecided", "withheld")
    assert found.why == "on these test rows only: withheld (would be supported, but: b's best rate is at an end)"


def test_what_would_show_takes_the_rows_into_account():
    found = verdict_of(apart(ahead=4, n_own=20), BETTER(rope=0.001))
    seeds_alone = np.ptp(found.interval)
    assert found.smallest > 10 * seeds_alone
    assert found.n_needed is None  # no number of seeds makes these rows tell 0.001


def test_in_a_family_each_scope_is_adjusted_by_itself():
    rows = apart(ahead=4, n_own=20)
    claims = [BETTER(), Claim("again", better="a", than="b", metric="test_accuracy")]
    study = make_study(claims=claims)
    found = judge_claims(study, claims, TrialIndex(study, with_rows(study, rows)), ())
    assert [claim.on_these_rows for claim in found] == ["supported", "supported"]
    assert [claim.p_adjusted for claim in found] == [min(1.0, 2 * claim.p) for claim in found]


@pytest.mark.slow
def test_where_methods_do_not_differ_few_studies_say_that_they_do():
    """Two methods with rows of their own that they miss: over seeds alone, most studies would name a better one."""
    rng, n_studies, verdicts = np.random.default_rng(11), 300, []
    claim = BETTER(metric="test_loss")
    study = make_study(claims=[claim])
    for _ in range(n_studies):
        of_rows = rng.normal(size=(2, 1, 360))
        losses = of_rows + 0.1 * rng.normal(size=(2, 8, 1)) / 360**0.5 + 0.3 * rng.normal(size=(2, 8, 360))
        trials = with_rows(study, dict(zip("ab", losses, strict=True)), "test_loss")
        (found,) = judge_claims(study, [claim], TrialIndex(study, trials), ())
        verdicts.append((found.verdict, found.on_these_rows))
    wrong = sum(verdict in ("supported", "contradicted") for verdict, _ in verdicts)
    on_these = sum(verdict in ("supported", "contradicted") for pair in verdicts for verdict in pair)
    assert wrong / n_studies <= 0.08
    assert on_these / n_studies >= 0.6


def test_more_seeds_find_less_down_to_what_the_rows_allow():
    effects = [np.random.default_rng(1).normal(0, sd, size) for sd, size in ((0.3, (8, 1)), (0.5, (1, 200)))]
    rows = crossed_mean(sum(effects) + np.random.default_rng(2).normal(size=(8, 200)))
    units = dict(enumerate(np.random.default_rng(3).normal(0.2, 0.3, 8)))
    pair = replace(compare("b", units, Unit.SEARCH), rows=rows)
    n = units_for(pair, Unit.SEARCH, 0.35, 0.05)
    shown = [smallest_in_metric(pair, Unit.SEARCH, k, 0.05) for k in (n, n - 1)]
    assert shown[0] <= 0.35 < shown[1]
    of_rows = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * rows.sd_rows / 200**0.5
    assert units_for(pair, Unit.SEARCH, 0.98 * of_rows, 0.05) is None
    assert units_for(pair, Unit.SEARCH, 1.1 * of_rows, 0.05) is not None
