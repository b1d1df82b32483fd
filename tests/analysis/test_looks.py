"""Which looks are joined, which are paid for apart, and what claims then make of the same runs."""

from dataclasses import replace

import pytest

from dlstudy.analysis.comparison import Comparison
from dlstudy.analysis.deviations import claim_json
from dlstudy.analysis.looks import Seen, joined
from dlstudy.analysis.looks import spending as spending_of
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.results import Unit
from dlstudy.analysis.sequential import FIRST_SHARE, ONE_LOOK, share_spent
from dlstudy.analysis.summary import protocol_json, summarize
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.store.notes import Look, Notes
from dlstudy.study.claims import Claim
from tests.helpers.builders import make_study, make_trial, runs_of

BETTER = Claim("a is better", better="a", than="b", metric="test_accuracy")
GAINS = [0.02, 0.03, -0.01, 0.05, 0.01, 0.04, 0.01, 0.03, 0.02, 0.03, 0.01, 0.02]


def seeds(n, winner="x"):
    return Seen(Unit.SEED, frozenset(range(n)), n, frozenset({("a", 1, winner)}))


def searches(n, n_seeds=3):
    numbers = frozenset(range(1, n + 1))
    return Seen(Unit.SEARCH, numbers, n_seeds, frozenset(("a", k, f"winner {k}") for k in numbers))


def spending(looks, first):
    return spending_of(joined(looks), first)


def test_looks_at_the_same_runs_share_one_level():
    found = spending([seeds(4), seeds(8), seeds(8), seeds(12)], first=8)
    assert found.units == (4, 8, 12)
    assert found.shares == pytest.approx([share_spent(n, 8) for n in (4, 8, 12)])
    assert spending([searches(5), searches(8)], first=5).units == (5, 8)


def test_a_first_stage_that_was_larger_than_planned_is_the_first_stage():
    assert spending([seeds(16), seeds(24)], first=8).shares == pytest.approx([share_spent(n, 16) for n in (16, 24)])


@pytest.mark.parametrize(
    "before", [[seeds(8, "other winner")], [seeds(8, "other winner"), seeds(8, "other winner")]], ids=["once", "twice"]
)
def test_looks_at_other_winners_are_paid_for_apart(before):
    found = spending([*before, seeds(8), seeds(16)], first=8)
    left = 1 - FIRST_SHARE
    assert found.units == (8, 16)
    assert found.shares == pytest.approx([left * share_spent(n, 8) for n in (8, 16)])


def test_more_seeds_in_each_search_are_other_units():
    found = spending([searches(5, 3), searches(5, 6)], first=5)
    assert (found.units, found.shares) == ((5,), pytest.approx([(1 - FIRST_SHARE) * FIRST_SHARE]))


def test_looks_at_seeds_cost_nothing_once_searches_are_the_unit():
    assert spending([seeds(8), searches(5), searches(8)], first=5) == spending([searches(5), searches(8)], first=5)


def test_units_that_were_replaced_are_other_runs():
    before = Seen(Unit.SEED, frozenset({0, 1, 5}), 3)
    assert not before.goes_on_as(Seen(Unit.SEED, frozenset({0, 1, 2, 3}), 4))
    assert before.goes_on_as(Seen(Unit.SEED, frozenset(range(6)), 6))


def test_where_all_of_the_level_is_gone_hardly_any_is_left():
    assert spending([seeds(8, "x"), seeds(8, "y"), seeds(8, "z")], first=8).shares == pytest.approx([0.2 * 0.2 * 0.8])
    assert spending([seeds(8, "x"), seeds(32, "x"), seeds(8, "y")], first=8).shares == pytest.approx([0], abs=1e-5)


def noted(study, looks=(), claims=None, planned_s=50.0):
    plan = {
        "claims": [claim_json(claim) for claim in claims or study.claims],
        "protocol": protocol_json(study),
        "digest": "d",
    }
    return Notes(plan, planned_s, looks)


def paired(study, gains=GAINS, **changes):
    """Runs of a above b by the gains, the first eight of which ended before 300 s."""
    runs = []
    for arm, sign in (("a", 1), ("b", 0)):
        of_arm = runs_of(study, arm, "replicate", [0.5 + sign * gain for gain in gains], **changes)
        runs += [replace(run, ended_s=200.0 if run.index < 8 else 400.0) for run in of_arm]
    return runs


def judged(study, notes, trials):
    (claim,) = summarize(study, trials, notes=notes).claims
    return claim


def test_a_look_saw_what_had_ended_by_then():
    study = make_study(claims=[BETTER], seeds=8)
    claim = judged(study, noted(study, [Look(300.0)]), paired(study))
    assert claim.deciding.looks.units == (8, 12)
    assert judged(study, noted(study, [Look(150.0)]), paired(study)).deciding.looks.units == (12,)
    assert judged(study, noted(study, [Look(300.0), Look(350.0)]), paired(study)).deciding.looks.units == (8, 12)


def test_units_are_in_the_order_in_which_they_were_seen():
    study = make_study(claims=[BETTER], searches=1, seeds=8)
    trials = [replace(run, ended_s=400.0) if run.index in (1, 2) else run for run in paired(study)]
    pair = judged(study, noted(study, [Look(300.0)]), trials).deciding
    assert list(pair.units) == [0, 3, 4, 5, 6, 7, 1, 2, 8, 9, 10, 11]
    assert pair.differences[6] == pytest.approx(GAINS[1])
    assert pair.looks.units == (6, 12)


def test_without_a_plan_there_is_one_look_with_all_of_the_level():
    study = make_study(claims=[BETTER], seeds=8)
    alone, first = judged(study, None, paired(study, GAINS[:8])), judged(study, noted(study), paired(study, GAINS[:8]))
    assert alone.deciding.looks == ONE_LOOK
    assert first.p == pytest.approx(alone.p / FIRST_SHARE)
    assert first.interval[0] <= alone.interval[0] < alone.interval[1] <= first.interval[1]


def test_an_earlier_look_makes_p_and_intervals_wider():
    study = make_study(claims=[BETTER], seeds=8)
    once, twice = (judged(study, noted(study, looks), paired(study)) for looks in ([], [Look(300.0)]))
    assert twice.p > once.p
    assert twice.interval[0] < once.interval[0] < once.interval[1] < twice.interval[1]
    assert twice.smallest is None or once.smallest is None or twice.smallest > once.smallest


@pytest.mark.parametrize("margin", [0.04, 0.001])
def test_a_claim_of_equivalence_pays_for_looks_too(margin):
    study = make_study(claims=[replace(BETTER, margin=margin)], seeds=8)
    once, twice = (judged(study, noted(study, looks), paired(study)) for looks in ([], [Look(300.0)]))
    assert twice.p > once.p
    assert twice.deciding.interval_90[0] < once.deciding.interval_90[0]


def test_a_longer_search_with_another_winner_pays_for_the_looks_at_the_first_one():
    study = make_study(claims=[BETTER], seeds=8)
    old = paired(study, GAINS[:8], tuned={"rate": 0.3})
    old = [replace(run, value=0.1) if run.phase == "search" else run for run in old]
    new = [replace(run, ended_s=500.0, number=run.number + 50) for run in paired(study, GAINS[:8])]
    claim = judged(study, noted(study, [Look(300.0)]), old + new)
    assert (claim.n, claim.deciding.looks.units) == (8, (8,))
    assert claim.deciding.looks.shares == pytest.approx([(1 - FIRST_SHARE) * FIRST_SHARE])


def test_searches_are_joined_by_search():
    study = make_study(claims=[BETTER], searches=3)
    trials = []
    for search in range(1, 7):
        for trial in paired(study, GAINS[:2], search=search):
            trials.append(replace(trial, ended_s=200.0 if search <= 4 else 400.0))
    measurements = ClaimMeasurements(study, BETTER, TrialIndex(study, trials, noted(study, [Look(300.0)])))
    looks = Comparison(study, measurements).pair("b").looks
    assert looks.units == (4, 6)
    assert looks.shares == pytest.approx([share_spent(4, 4), share_spent(6, 4)])


def test_a_claim_that_is_added_reworded_or_changed_later_says_so():
    added = Claim("b is worse", better="a", than="b", metric="test_loss", direction="minimize")
    study = make_study(claims=[BETTER, replace(BETTER, text="a wins"), replace(BETTER, metric="test_loss"), added])
    summary = summarize(study, paired(study), notes=noted(study, claims=[BETTER]))
    assert [claim.deviation for claim in summary.claims] == [
        "",
        "reworded after the plan, which has 'a is better'",
        "compares something else than in the plan",
        "added after the plan",
    ]


def test_a_plan_that_was_noted_after_results_marks_every_claim():
    study = make_study(claims=[BETTER], seeds=8)
    claim = judged(study, noted(study, planned_s=150.0), paired(study))
    assert claim.deviation == "recorded after results were there"


def test_a_claim_that_was_dropped_still_counts_in_the_family():
    others = [replace(BETTER, text=f"claim {i}", epoch=i) for i in range(1, 4)]
    study, four = make_study(claims=[BETTER], seeds=8), [BETTER, *others]
    alone = judged(study, noted(study), paired(study, GAINS[3:11]))
    kept = summarize(study, paired(study, GAINS[3:11]), notes=noted(study, claims=four))
    (claim,) = kept.claims
    assert (alone.verdict, claim.verdict) == ("supported", "supported")
    assert claim.p_adjusted == pytest.approx(4 * alone.p_adjusted)
    assert [note for note in kept.notes if "dropped" in note] == [
        f"PLAN: a claim was dropped, and counts among all claims as one with p = 1: claim {i}" for i in range(1, 4)
    ]
    seen = Look(300.0, [claim_json(others[0])])
    assert judged(study, noted(study, [seen]), paired(study, GAINS[3:11])).p_adjusted == pytest.approx(2 * alone.p)


def test_more_claims_than_the_planned_seeds_could_decide_are_judged_all_the_same():
    planned = noted(make_study(claims=[BETTER], seeds=6))
    study = make_study(claims=[replace(BETTER, text=f"claim {i}") for i in range(3)], seeds=8)
    claims = summarize(study, paired(study), notes=planned).claims
    assert [claim.deviation for claim in claims] == ["reworded after the plan, which has 'a is better'"] * 3
    assert claims[0].deciding.looks.units == (12,)


def test_a_protocol_that_differs_from_the_plan_is_noted_and_growth_is_not():
    study = make_study(claims=[BETTER], seeds=8)
    grown = replace(study, protocol=replace(study.protocol, trials=16, seeds=12, searches=5))
    notes = summarize(grown, [make_trial(study, "a", "search")], notes=noted(study)).notes
    assert [note for note in notes if note.startswith("PLAN")] == ["PLAN: trials is 16, the plan has 8"]
