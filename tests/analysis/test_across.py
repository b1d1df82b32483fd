"""A study's answer for several data sets: verdicts on each, reversals first, averages where they mean something."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.across import summarize_across
from dlstudy.analysis.results import Unit, Verdict
from dlstudy.report.export import as_json
from dlstudy.study.claims import Claim
from tests.helpers.data_sets import A_BEATS_B, NAMES, given, on_each


def two(*gains, **changes):
    return on_each(*gains, arms="ab", **changes)


def test_the_average_is_students_over_data_sets_each_counting_as_one():
    across = two(0.02, 0.03, 0.05)
    (claim,) = across.claims
    means = [pair.mean for pair in claim.pairs[0].on]
    assert claim.overall.unit is Unit.DATASET
    assert claim.overall.difference == pytest.approx(np.mean(means))
    assert claim.overall.interval == pytest.approx(stats.t.interval(0.95, 2, np.mean(means), stats.sem(means)))
    assert claim.overall.p == pytest.approx(stats.ttest_1samp(means, 0).pvalue)
    reach = stats.t.ppf(0.975, 2) * np.std(means, ddof=1) * np.sqrt(1 + 1 / 3)
    assert claim.pairs[0].prediction == pytest.approx((np.mean(means) - reach, np.mean(means) + reach))
    assert claim.verdicts == dict.fromkeys(NAMES[:3], Verdict.SUPPORTED)


def test_the_answer_says_on_how_many_data_sets_and_what_holds_for_such():
    across = two(0.02, 0.03, 0.025)
    assert across.answer.startswith("Best mean test accuracy: a on 3 of 3 data sets (mnist, digits, fashion_mnist).")
    assert two(0.02, 0.03, 0.025, rank_arms=False).answer == (
        '"a beats b" is supported on 3 of 3 data sets (mnist, digits, fashion_mnist); over data sets like these '
        "supported, mean difference +0.023 against b (95 % interval +0.010 to +0.035)."
    )


def test_a_reversal_comes_first_and_has_no_average():
    across = two(0.02, -0.03, 0.0, rank_arms=False)
    assert across.answer == (
        'Reversed between data sets: "a beats b" is contradicted on 2 of 3 data sets (digits, fashion_mnist), '
        "supported on 1 (mnist)."
    )
    (claim,) = across.claims
    assert claim.is_reversed
    assert not claim.has_average
    assert (claim.overall.difference, claim.overall.interval, claim.overall.p) == (None, None, None)
    assert claim.pairs[0].prediction is None
    assert claim.pairs[0].heterogeneity.p < 0.001


def test_of_several_claims_the_reversed_one_comes_first():
    claims = [A_BEATS_B, Claim("b beats c", better="b", than="c", metric="test_accuracy")]
    across = on_each((0.02, 0.02), (0.02, -0.03), (0.03, 0.02), claims=claims, rank_arms=False)
    assert across.answer.startswith('Reversed between data sets: "b beats c" is supported on 2 of 3 data sets (mnist, ')
    assert '. "a beats b" is supported on 3 of 3' in across.answer
    assert across.answer.endswith("Of all 2 claims: 1 reversed, 1 supported on every data set.")


def test_p_is_adjusted_for_all_claims_those_without_an_average_included():
    claims = [A_BEATS_B, Claim("b beats c", better="b", than="c", metric="test_accuracy")]
    first, second = on_each((0.02, 0.02), (0.02, -0.03), (0.03, 0.02), claims=claims).claims
    assert first.overall.p_adjusted == pytest.approx(2 * first.overall.p)
    assert second.overall.p_adjusted is None


def test_a_claim_against_several_arms_holds_over_data_sets_only_against_each():
    claim = Claim("a beats both", better="a", than=("b", "c"), metric="test_accuracy")
    (found,) = on_each((0.02, 0.02), (0.022, 0.15), (0.024, 0.02), claims=[claim]).claims
    against_b, against_c = found.overall.pairs
    assert (found.overall.against, found.overall.verdict) == ("b", "undecided")
    assert found.overall.p == pytest.approx(max(against_b.p, against_c.p))  # intersection-union
    assert against_b.p < 0.05 < against_c.p
    assert [pair.against for pair in found.pairs] == ["b", "c"]


@pytest.mark.parametrize(
    ("gains", "changes", "why"),
    [
        ((0.02, 0.03), {}, "an average takes at least 3 data sets"),
        ((0.02, 0.03, None), {}, "it has not been compared on fashion_mnist"),
        ((0.02,) * 3, {"claims": [replace(A_BEATS_B, margin=0.1)]},
         "an average within the margin would not say that each difference is"),
        ((0.02,) * 3, {"claims": [replace(A_BEATS_B, metric="test_loss")], "metric": "test_loss"},
         "test_loss has another scale on each data set"),
    ],
)  # fmt: skip
def test_where_an_average_means_nothing_it_is_left_out_and_the_reason_given(gains, changes, why):
    across = two(*gains, rank_arms=False, **changes)
    (claim,) = across.claims
    assert not claim.has_average
    assert claim.overall.why == why
    assert across.answer.endswith(f"; no average: {why}.")


def test_a_data_set_without_runs_leaves_the_claim_without_pairs():
    (claim,) = two(0.02, 0.03, None).claims
    assert claim.pairs == []
    assert claim.verdicts["fashion_mnist"] is Verdict.NOT_RUN


def test_without_any_runs_there_is_no_answer():
    assert two(None, None, rank_arms=False).answer == "No answer yet: no claim has been tested."


def test_differences_without_spread_have_no_heterogeneity():
    study, (first, second) = given(0.02, 0.021, arms="ab")
    (claim,) = first.claims
    (pair,) = claim.pairs
    alike = replace(claim, pairs=[replace(pair, differences=[0.02] * 8)])
    (found,) = summarize_across(study, [replace(first, claims=[alike]), second]).claims
    assert found.pairs[0].heterogeneity is None


def test_a_withheld_verdict_withholds_that_over_data_sets():
    study, (first, *others) = given(0.02, 0.021, 0.022, arms="ab")
    assert summarize_across(study, [first, *others]).claims[0].overall.verdict is Verdict.SUPPORTED
    withheld = replace(first.claims[0], verdict=Verdict.WITHHELD, measured=Verdict.WITHHELD)
    (claim,) = summarize_across(study, [replace(first, claims=[withheld]), *others]).claims
    assert claim.overall.verdict is Verdict.WITHHELD
    assert claim.overall.why == "would be supported, but is withheld on mnist"


def test_what_a_document_reports_of_its_own_data_set_does_not_count_on_others():
    study, (first, second) = given(0.02, 0.021, arms="ab")
    own = replace(first.claims[0], verdict=Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS)
    (claim,) = summarize_across(study, [replace(first, claims=[own]), second]).claims
    assert claim.verdicts == {"mnist": Verdict.SUPPORTED, "digits": Verdict.SUPPORTED}


def test_claims_that_cannot_be_tested_and_a_a_tests_are_left_out():
    claims = [Claim("too vague", untestable="no number"), A_BEATS_B, replace(A_BEATS_B, text="A/A", aa_test=True)]
    assert [claim.overall.text for claim in two(0.02, 0.03, claims=claims).claims] == ["a beats b"]


def test_arms_are_ranked_from_five_data_sets_and_three_arms_on():
    steps = [(0.02, 0.02), (0.03, 0.01), (0.02, -0.01), (0.01, 0.02), (0.02, 0.03)]
    across = on_each(*steps)
    assert {arm: round(rank, 2) for arm, rank in across.ranks.mean.items()} == {"a": 1.0, "b": 2.2, "c": 2.8}
    assert "mean ranks a 1.0, b 2.2, c 2.8, p of no difference" in across.answer
    assert on_each(*steps[:4]).ranks is None
    assert two(0.02, 0.03, 0.01, 0.02, 0.02).ranks is None
    assert on_each(*steps, rank_arms=False).ranks is None


def test_a_note_names_the_data_sets_that_it_is_about():
    study, (first, second) = given(0.02, 0.021, arms="ab")
    summaries = [replace(first, notes=["QUICK", "stand-in"]), replace(second, notes=["QUICK"])]
    assert summarize_across(study, summaries).notes == ["QUICK", "mnist: stand-in"]


def test_the_json_is_plain_and_strict():
    report = json.loads(as_json(two(0.02, 0.03, 0.05).to_json()))
    assert (report["schema"], report["study"], report["variant"]) == (4, "s", "default")
    assert [on["variant"] for on in report["datasets"]] == ["default", "dataset=digits", "dataset=fashion_mnist"]
    (claim,) = report["claims"]
    assert claim["verdicts"] == dict.fromkeys(NAMES[:3], "supported")
    assert (claim["overall"]["unit"], claim["overall"]["n"]) == ("data set", 3)
    assert set(claim["pairs"][0]) == {"against", "on", "heterogeneity", "prediction"}
    assert set(claim["pairs"][0]["heterogeneity"]) == {"q", "p", "i2", "tau"}
