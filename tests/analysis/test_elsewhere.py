"""Claims about results from elsewhere: the numbers beside those of SciPy and statsmodels, and what is said of them."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from dlstudy.analysis.comparison import smallest_in_metric
from dlstudy.analysis.deviations import claim_json
from dlstudy.analysis.power import claim_plans
from dlstudy.analysis.registration import plan_of
from dlstudy.analysis.replications import compare_replications
from dlstudy.analysis.results import Unit
from dlstudy.analysis.summary import protocol_json, summarize
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.study.arm import Arm
from dlstudy.study.claims import Claim
from dlstudy.study.phases import Phase
from dlstudy.study.split import Split
from dlstudy.study.variant import Variant
from tests.analysis.test_looks import Look, noted
from tests.helpers.builders import make_study, resolved, runs_of, sum_up
from tests.helpers.full_form import also_in_full_form

OURS = [0.91, 0.93, 0.92, 0.94, 0.905, 0.925, 0.935, 0.915]
THEIRS = [0.90, 0.912, 0.908, 0.915, 0.899]
SUMMED_UP = {"mean": 0.907, "sd": 0.0069, "n": 5}
BETTER = partial(Claim, "a beats the paper", better="a", than="paper", metric="test_accuracy")


def paper(results=THEIRS, metric="test_accuracy"):
    return Arm.from_results("paper", {metric: results}, source="Table 2")


def study_of(results=THEIRS, claims=None, **changes):
    return make_study(claims=claims or [BETTER()], elsewhere=[paper(results)], seeds=len(OURS), **changes)


def judged(study, ours=OURS, notes=None, **changes):
    (claim, *_) = summarize(study, runs_of(study, "a", "replicate", ours, **changes), notes=notes).claims
    return claim


def test_values_on_other_seeds_are_compared_by_welchs_t():
    claim = judged(study_of())
    found = stats.ttest_ind(OURS, THEIRS, equal_var=False)
    assert claim.p == pytest.approx(found.pvalue, rel=1e-9)
    assert claim.interval == pytest.approx(tuple(found.confidence_interval(0.95)), rel=1e-9)
    assert claim.deciding.interval_90 == pytest.approx(tuple(found.confidence_interval(0.90)), rel=1e-9)
    assert claim.difference == pytest.approx(np.mean(OURS) - np.mean(THEIRS))
    assert (claim.verdict, claim.n, claim.unit, claim.p_floor) == ("supported", 8, Unit.SEED, None)
    assert (claim.deciding.wins, claim.deciding.effect_size, claim.deciding.asymmetry_p) == (None, None, None)


def test_a_mean_with_its_spread_is_compared_as_its_values_would_be():
    found = stats.ttest_ind_from_stats(np.mean(OURS), np.std(OURS, ddof=1), 8, 0.907, 0.0069, 5, equal_var=False)
    assert judged(study_of(SUMMED_UP)).p == pytest.approx(found.pvalue, rel=1e-9)
    whole = {"mean": float(np.mean(THEIRS)), "sd": float(np.std(THEIRS, ddof=1)), "n": 5}
    assert judged(study_of(whole)).p == pytest.approx(judged(study_of()).p, rel=1e-9)


def test_a_single_figure_is_a_fixed_number_and_one_more_run_is_beside_it():
    claim, found = judged(study_of(0.91)), stats.ttest_1samp([value - 0.91 for value in OURS], 0)
    assert claim.p == pytest.approx(found.pvalue, rel=1e-9)
    assert claim.interval == pytest.approx(tuple(found.confidence_interval(0.95)), rel=1e-9)
    error = np.std(OURS, ddof=1) * np.sqrt(1 + 1 / 8)
    one_more = 2 * stats.t.sf(abs(np.mean(OURS) - 0.91) / error, 7)
    assert claim.deciding.one_more_p == pytest.approx(one_more, rel=1e-9)
    assert claim.verdict == "supported"
    assert claim.why == f"one more of our runs could have given the single figure (p {one_more:.2f})"
    assert "against a single reported figure of paper, as a fixed number, from elsewhere" in claim.scope


@pytest.mark.parametrize("theirs", [THEIRS[:2], THEIRS[:4]], ids=["two", "four"])
def test_with_few_values_the_quantile_is_the_weighted_mean_of_both_sides(theirs):
    claim = judged(study_of(theirs))
    ours, other = (np.var(values, ddof=1) / len(values) for values in (OURS, theirs))
    quantiles = stats.t.ppf(0.975, [len(OURS) - 1, len(theirs) - 1])
    half = np.sqrt(ours + other) * (ours * quantiles[0] + other * quantiles[1]) / (ours + other)
    assert claim.interval == pytest.approx([claim.difference - half, claim.difference + half], rel=1e-9)
    assert claim.p > stats.ttest_ind(OURS, theirs, equal_var=False).pvalue
    nearer = [value + claim.difference - half for value in theirs]
    assert judged(study_of(nearer)).p == pytest.approx(0.05, rel=1e-6)


def test_a_list_of_one_value_is_a_single_figure():
    assert judged(study_of([0.91])).p == judged(study_of(0.91)).p


def test_where_methods_are_compared_our_units_are_the_means_of_searches():
    study = study_of(searches=5)
    shifts = [0.0, 0.01, -0.01, 0.004, 0.002]
    trials = [
        run
        for k, shift in enumerate(shifts, 1)
        for run in runs_of(study, "a", "replicate", [value + shift for value in OURS], search=k)
    ]
    (claim,) = sum_up(study, trials).claims
    found = stats.ttest_ind([np.mean(OURS) + shift for shift in shifts], THEIRS, equal_var=False)
    assert (claim.n, claim.unit) == (5, Unit.SEARCH)
    assert claim.p == pytest.approx(found.pvalue, rel=1e-9)
    assert claim.scope == (
        "for the methods, over 5 searches; against the 5 results of paper, unpaired, from elsewhere: their seeds, "
        "split and tuning are theirs"
    )


def test_the_result_from_elsewhere_may_be_the_one_that_is_claimed_to_be_better():
    forth, back = judged(study_of()), judged(study_of(claims=[BETTER(better="paper", than="a")]))
    assert back.p == pytest.approx(forth.p)
    assert back.interval == pytest.approx([-end for end in reversed(forth.interval)])
    assert back.verdict == "contradicted"


def test_less_is_better_where_the_metric_says_so():
    study = make_study(claims=[BETTER(metric="test_loss")], elsewhere=[paper([0.4, 0.41, 0.42], "test_loss")], seeds=8)
    claim = judged(study, [0.3 + value / 100 for value in OURS], metric="test_loss")
    assert claim.difference > 0
    assert claim.verdict == "supported"


@pytest.mark.parametrize("margin", [0.03, 0.02])
def test_a_claim_of_equivalence_is_two_one_sided_welch_tests(margin):
    claim = judged(study_of(claims=[BETTER(margin=margin)]))
    both = CompareMeans(DescrStatsW(OURS), DescrStatsW(THEIRS))
    p, *_ = both.ttost_ind(-margin, margin, usevar="unequal")
    assert claim.p == pytest.approx(p, rel=1e-6)
    assert claim.verdict == ("supported" if p <= 0.05 else "undecided")


def test_differences_that_do_not_matter_are_tested_the_same_way():
    claim = judged(study_of(claims=[BETTER(rope=0.03)]))
    both = CompareMeans(DescrStatsW(OURS), DescrStatsW(THEIRS))
    assert claim.p_equivalent == pytest.approx(both.ttost_ind(-0.03, 0.03, usevar="unequal")[0], rel=1e-6)
    assert smallest_in_metric(claim.deciding, claim.unit, claim.n_needed, 0.05) <= 0.03
    assert claim.n_needed == 2 or smallest_in_metric(claim.deciding, claim.unit, claim.n_needed - 1, 0.05) > 0.03


def test_what_no_number_of_our_runs_can_show_is_said_to_take_none():
    claim = judged(study_of({"mean": 0.92, "sd": 0.05, "n": 3}, claims=[BETTER(rope=0.01)]))
    assert (claim.verdict, claim.n_needed) == ("undecided", None)


def seeds_of(study):
    return [study.seed(study.arm("a"), Phase.REPLICATE, index) for index in range(len(OURS))]


def test_values_on_our_very_seeds_are_paired_as_those_of_an_arm_would_be():
    study, theirs = study_of(), [value - gain for value, gain in zip(OURS, [0.01, 0.02, -0.005] * 3, strict=False)]
    by_seed = dict(zip(seeds_of(study), theirs, strict=True))
    claim = judged(study_of({**by_seed, 5: 0.2}))
    trained = make_study(claims=[BETTER(than="b")], seeds=len(OURS))
    other = [*runs_of(trained, "a", "replicate", OURS), *runs_of(trained, "b", "replicate", theirs)]
    (same,) = sum_up(trained, other).claims
    assert claim.deciding.elsewhere is None
    assert (claim.p, claim.interval, claim.verdict) == (same.p, same.interval, same.verdict)
    assert "against the results of paper on the same seeds" in claim.scope


def test_values_on_some_of_our_seeds_alone_are_not_paired():
    study = study_of()
    by_seed = dict(zip(seeds_of(study)[:5], THEIRS, strict=True))
    assert judged(study_of(by_seed)).p == judged(study).p


def test_a_claim_may_name_arms_of_both_kinds():
    study = study_of(claims=[BETTER(than=("b", "paper"))])
    trials = [
        *runs_of(study, "a", "replicate", OURS),
        *runs_of(study, "b", "replicate", [value - 0.1 + i / 1000 for i, value in enumerate(OURS)]),
    ]
    (claim,) = sum_up(study, trials).claims
    by_arm = {pair.against: pair for pair in claim.pairs}
    assert claim.against == "paper"
    assert claim.p == max(pair.p for pair in claim.pairs) == by_arm["paper"].p
    assert by_arm["b"].wins == 1
    assert claim.p_adjusted == claim.p


def test_its_p_is_adjusted_with_those_of_the_other_claims():
    study = study_of(claims=[BETTER(), Claim("a beats b", "a", "b", "test_accuracy")])
    trials = [
        *runs_of(study, "a", "replicate", OURS),
        *runs_of(study, "b", "replicate", [value - 0.1 + i / 1000 for i, value in enumerate(OURS)]),
    ]
    first, second = sum_up(study, trials).claims
    adjusted = multipletests([first.p, second.p], method="holm")[1]
    assert [first.p_adjusted, second.p_adjusted] == pytest.approx(list(adjusted))


def test_looks_are_paid_for():
    study = study_of()
    trials = [replace(run, ended_s=200.0 if run.index < 5 else 400.0) for run in runs_of(study, "a", "replicate", OURS)]
    (once,), (twice,) = (
        summarize(study, trials, notes=noted(study, looks)).claims for looks in ([], [Look(300.0)])
    )  # fmt: skip
    assert twice.deciding.looks.units == (5, 8)
    assert twice.p > once.p
    assert twice.interval[0] < once.interval[0] < once.interval[1] < twice.interval[1]


def test_over_resampled_splits_our_runs_are_corrected_for_the_rows_that_they_share():
    split = Split(validation=0.1, test=0.2, resample="random", random_state=0)
    arm = Arm("a", setting={"kind": "a"})
    study = replace(study_of(), arms=[arm])
    study = replace(study, protocol=replace(study.protocol, split=split))
    claim = judged(study, tuned={"rate": 0.5})
    assert claim.deciding.overlap > 0.2
    n, variance, theirs = len(OURS), np.var(OURS, ddof=1), np.var(THEIRS, ddof=1) / 5
    ours = variance * (1 / n + claim.deciding.overlap)
    degrees = (ours + theirs) ** 2 / (ours**2 / (n - 1) + theirs**2 / 4)
    p = 2 * stats.t.sf(abs(np.mean(OURS) - np.mean(THEIRS)) / np.sqrt(ours + theirs), degrees)
    assert claim.p == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(("figure", "verdict"), [(0.9, "supported"), (0.93, "contradicted"), (0.92, "undecided")])
def test_runs_that_are_all_alike_against_one_figure_are_arithmetic(figure, verdict):
    claim = judged(study_of(figure), [0.92] * 8)
    assert (claim.verdict, claim.p, claim.interval) == (verdict, None, (claim.difference, claim.difference))


def test_without_runs_of_ours_nothing_is_compared():
    (claim,) = sum_up(study_of(), []).claims
    assert (claim.verdict, claim.why) == ("not run", "runs are missing")


def test_claims_about_reported_settings_and_defaults_compare_those_runs():
    for phase in ("reported", "defaults"):
        study = study_of()
        arms = [replace(arm, defaults={"rate": 0.1}) for arm in study.arms]
        study = replace(study, arms=arms, claims=[BETTER(phase=phase)])
        claim = sum_up(study, runs_of(study, "a", phase, OURS, tuned={"rate": 0.1})).claims[0]
        assert claim.p == pytest.approx(stats.ttest_ind(OURS, THEIRS, equal_var=False).pvalue)


@pytest.mark.parametrize("options", ["quick", "epochs=3", "dataset=mnist"])
def test_a_variant_that_trains_something_else_does_not_compare_with_what_is_reported(options):
    own, study = registry.describe("digits"), study_of()
    used = registry.describe("mnist") if "mnist" in options else own
    (claim,) = Variant.parse(options).apply(study, own, used).claims
    assert claim.untestable == (
        "it is about results from elsewhere, and this variant differs from what was reported"
    )  # fmt: skip
    for same in ("default", "aa-test", "replication=2"):
        assert not Variant.parse(same).apply(study, own, own).claims[0].untestable


def test_stand_in_data_does_not_compare_with_what_is_reported():
    own: Description = replace(registry.describe("digits"), caveat="made up")
    (claim,) = Variant().apply(study_of(), own, own).claims
    assert claim.untestable == "it is about results from elsewhere, and the data is made up"


def test_the_answer_ranks_what_is_trained_and_names_what_is_not():
    study = study_of()
    trials = [*runs_of(study, "a", "replicate", OURS), *runs_of(study, "b", "replicate", [0.5 + x for x in THEIRS])]
    summary = sum_up(study, trials)
    assert set(summary.ranking) == {"a", "b"}
    assert summary.answer.endswith(" From elsewhere, and not ranked: paper 0.9068 (Table 2).")
    assert summary.to_json()["elsewhere"][0]["metrics"]["test_accuracy"]["n"] == 5
    json.dumps(summary.to_json(), default=str)


def test_other_results_than_in_the_plan_are_noticed():
    study = study_of()
    changed = study_of([*THEIRS[:-1], 0.8])
    assert plan_of(study)["digest"] != plan_of(changed)["digest"]
    trials = runs_of(changed, "a", "replicate", OURS)
    noticed = summarize(changed, trials, notes=noted(study))
    assert noticed.claims[0].deviation == "compares with other results from elsewhere than in the plan"
    assert "PLAN: the results of paper from elsewhere are others than in the plan" in noticed.notes
    same = summarize(study, trials, notes=noted(study))
    assert (same.claims[0].deviation, same.notes) == ("", [])


def test_a_plan_without_results_from_elsewhere_is_as_before():
    study = make_study(claims=[BETTER(than="b")])
    assert "elsewhere" not in protocol_json(study)
    assert "elsewhere" not in claim_json(study.claims[0])


def test_replications_do_not_combine_what_they_share_from_elsewhere():
    summaries = []
    for number in (1, 2):
        name = "default" if number == 1 else f"replication={number}"
        study = resolved(study_of(), name)
        summaries.append(sum_up(study, runs_of(study, "a", "replicate", OURS), name))
    (claim,) = compare_replications(summaries).claims
    assert (list(claim.pairs), claim.verdicts) == ([], ["supported", "supported"])


def test_replications_combine_a_mixed_claims_arms_that_are_trained():
    summaries = []
    for name in ("default", "replication=2"):
        study = resolved(study_of(claims=[BETTER(than=("b", "paper"))]), name)
        trials = [
            *runs_of(study, "a", "replicate", OURS),
            *runs_of(study, "b", "replicate", [value - 0.1 + i / 1000 for i, value in enumerate(OURS)]),
        ]
        summaries.append(sum_up(study, trials, name))
    (claim,) = compare_replications(summaries).claims
    assert [pair.against for pair in claim.pairs] == ["b"]


def test_a_plan_says_what_can_be_shown_against_one_figure():
    (plan,) = claim_plans(study_of(0.91), [])
    level = 0.05 * 0.8
    shift = plan.in_sd * np.sqrt(len(OURS))
    power = stats.nct.sf(stats.t.ppf(1 - level / 2, len(OURS) - 1), len(OURS) - 1, shift)
    assert power == pytest.approx(0.8, abs=1e-6)
    (unpaired,) = claim_plans(study_of(), [])
    assert unpaired.in_sd > plan.in_sd


def decided_share(results_of, claim, words=("supported", "contradicted"), n_studies=400, n_seeds=8):
    """The share of simulated studies whose claim gets one of these verdicts."""
    rng, decided = np.random.default_rng(3), 0
    for _ in range(n_studies):
        results = results_of(rng)
        study = make_study(claims=[claim], elsewhere=[paper(results, "test_score")], seeds=n_seeds, arms="a")
        ours = list(map(float, rng.standard_normal(n_seeds)))
        trials = runs_of(study, "a", "replicate", ours, metric="test_score")
        (found,) = judge_claims(study, [claim], TrialIndex(study, trials), [])
        decided += found.verdict in words
    return decided / n_studies


SCORE = BETTER(metric="test_score", direction="maximize")
NULLS = {
    "three values": lambda rng: list(map(float, rng.standard_normal(3))),
    "values of another spread": lambda rng: list(map(float, 3 * rng.standard_normal(5))),
    "values": lambda rng: list(map(float, rng.standard_normal(8))),
    "a fixed number": lambda rng: 0.0,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*NULLS][:2] + also_in_full_form(*[*NULLS][2:]))
def test_where_nothing_differs_few_studies_are_decided(kind):
    """The bound is three standard errors above 5 %; `python -m benchmarks.truth` has more studies."""
    assert 0.01 < decided_share(NULLS[kind], SCORE) <= 0.083


@pytest.mark.slow
def test_a_difference_of_the_margin_is_seldom_called_smaller():
    claim = replace(SCORE, margin=1.5)
    shifted = decided_share(lambda rng: list(map(float, 1.5 + rng.standard_normal(8))), claim, ("supported",))
    assert 0.01 < shifted <= 0.083
