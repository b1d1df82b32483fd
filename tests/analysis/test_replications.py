"""Replications compared: verdicts, differences, figures and winners."""

from dataclasses import replace

import pytest

from dlstudy.analysis.combining import heterogeneity_p, mean_of_means
from dlstudy.analysis.inference import paired_interval
from dlstudy.analysis.replications import Agreement, compare_replications
from dlstudy.analysis.results import FigureVerdict, Verdict
from dlstudy.errors import UsageError
from dlstudy.study.claims import Claim
from tests.helpers.builders import figure, make_study, resolved, runs_of, sum_up

NOISE = [0.0, 0.001, -0.002, 0.003, -0.001, 0.002, -0.003, 0.0]
CLAIMS = [
    Claim("a beats b", "a", "b", "test_accuracy"),
    Claim("as reported", "a", "b", "test_accuracy", "reported"),
    Claim("nobody can tell", untestable="no arm"),
]


def replication(number, ahead, rate=0.5, of=slice(None), reported=0.95):
    """A summary in which a is this much ahead of b."""
    name = "default" if number == 1 else f"replication={number}"
    study = resolved(make_study(claims=CLAIMS, seeds=8, reported=[figure("0.95")]), name)
    trials = []
    for arm, more in (("a", ahead), ("b", 0.0)):
        noise = NOISE if arm == "a" else NOISE[::-1]
        values = [0.9 + more + number * value for value in noise]
        trials += runs_of(study, arm, "replicate", values[of], tuned={"rate": rate})
        trials += runs_of(study, arm, "reported", [reported + value for value in noise])
    return sum_up(study, trials, name)


def test_fewer_than_two_are_not_compared():
    with pytest.raises(UsageError, match="at least 2 replications are compared, got 1"):
        compare_replications([replication(1, 0.1)])


def test_each_replication_is_beside_the_others():
    found = compare_replications([replication(1, 0.1), replication(2, 0.08, rate=0.7)])
    assert list(map(str, found.variants)) == ["default", "replication=2"]
    assert [claim.text for claim in found.claims] == ["a beats b", "as reported"]
    assert found.claims[0].verdicts == [Verdict.SUPPORTED] * 2
    assert [arm.winners for arm in found.arms] == [[{"rate": 0.5}, {"rate": 0.7}]] * 2
    assert found.arms[0].tests == pytest.approx([1.0, 0.98])
    assert found.reported[0].ours == pytest.approx([0.95, 0.95])
    assert found.answer == (
        "2 independent replications give the same verdict on 2 of 2 claims and 1 of 1 reported figure, and opposite "
        "ones on none."
    )


def test_two_replications_are_combined_for_their_settings():
    summaries = [replication(1, 0.1), replication(2, 0.08)]
    (pair,) = compare_replications(summaries).claims[0].pairs
    groups = [summary.claims[0].pairs[0].differences for summary in summaries]
    assert pair.means == pytest.approx([0.1, 0.08])
    assert (pair.combined, pair.interval) == mean_of_means(groups)
    assert pair.p == heterogeneity_p(groups) < 0.05
    assert pair.sd == pytest.approx(0.014, abs=0.001)  # sqrt(0.02**2 / 2), less what seeds make of it
    assert pair.scope == "for the settings that these searches found"


def test_from_three_on_the_replication_is_the_unit_of_tuned_winners_alone():
    summaries = [replication(i, ahead) for i, ahead in ((1, 0.1), (2, 0.08), (3, 0.09))]
    tuned, reported = (claim.pairs[0] for claim in compare_replications(summaries).claims)
    assert tuned.interval == paired_interval(tuned.means)
    assert tuned.scope == "for the methods"
    assert reported.interval == mean_of_means([s.claims[1].pairs[0].differences for s in summaries])[1]
    assert reported.scope == "at the reported settings"


@pytest.mark.parametrize(
    ("ahead", "agreement"),
    [
        ((0.1, 0.1), Agreement.SAME),
        ((0.0, 0.0), Agreement.SAME),
        ((0.1, 0.0), Agreement.DIFFERENT),
        ((0.1, -0.1), Agreement.OPPOSITE),
    ],
)
def test_an_undecided_verdict_is_not_the_opposite_of_another(ahead, agreement):
    found = compare_replications([replication(i, value) for i, value in enumerate(ahead, 1)])
    assert found.claims[0].agreement is agreement
    assert found.answer.endswith("on 1." if agreement is Agreement.OPPOSITE else "on none.")


def test_what_was_not_run_in_each_is_not_counted():
    found = compare_replications([replication(1, 0.1), replication(2, 0.1, of=slice(0))])
    assert found.claims[0].agreement is Agreement.NOT_RUN
    assert found.claims[0].pairs == []
    assert found.arms[0].tests[1] is None
    assert "1 of 1 claim and" in found.answer


def test_nothing_run_is_no_agreement():
    empty = [replace(replication(i, 0.1), claims=[], reported=[]) for i in (1, 2)]
    assert compare_replications(empty).answer == "No claim and no reported figure has a verdict in all 2 replications."


def test_a_claim_that_the_documents_own_figures_contradict_is_compared_by_its_runs():
    summaries = [replication(1, 0.1), replication(2, -0.1)]
    own = [
        replace(summary, claims=[replace(c, verdict=Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS) for c in summary.claims])
        for summary in summaries
    ]
    claim = compare_replications(own).claims[0]
    assert claim.verdicts == [Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS] * 2
    assert claim.agreement is Agreement.OPPOSITE


def test_aa_tests_are_shown_and_not_counted():
    summaries = [replication(1, 0.1), replication(2, -0.1)]
    marked = [replace(s, claims=[replace(s.claims[0], aa_test=True)], reported=[]) for s in summaries]
    found = compare_replications(marked)
    assert found.claims[0].agreement is Agreement.OPPOSITE
    assert found.answer.startswith("No claim")


def test_reported_figures_may_be_opposite_too():
    (found,) = compare_replications([replication(1, 0.1), replication(2, 0.1, reported=0.8)]).reported
    assert found.verdicts == [FigureVerdict.COMPATIBLE, FigureVerdict.NOT_COMPATIBLE]
    assert found.agreement is Agreement.OPPOSITE
