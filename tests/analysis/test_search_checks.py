"""Checks on searches, on made-up trials; ends of ranges and standard errors are worked out by hand."""

from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy.analysis.results import Check
from dlstudy.analysis.search_checks import contains, search_checks
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Arm, Study
from tests.helpers.builders import RATE, build, make_study, make_trial, resolved, runs_of

LOG = FloatDistribution(1e-4, 1e-1, log=True)
UNITS = IntDistribution(8, 108)


def checks_of(study, trials, name):
    """The checks of that name, by arm."""
    found = search_checks(study, TrialIndex(study, trials), trials)
    return {check.arm: check for check in found if check.name == name}


def tried(space, values, search=1, states=None):
    """A study of one arm with one parameter, and search trials at these values, of which the first is the best."""
    study = resolved(Study("Is it?", "digits", build, [Arm("a", space={"k": space})], Protocol(searches=1, seeds=1)))
    return study, [
        make_trial(
            study, "a", "search", index, {"k": value}, value=0.9 - index / 100, search=search,
            state=states[index] if states else "finished",
        )
        for index, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("space", "values", "open_at"),
    [
        (LOG, [1e-2, 1e-3, 2e-2], []),
        (LOG, [4.28e-2, 1e-2, 1e-3], ["above"]),  # the range goes on to 0.1, where nothing was tried
        (LOG, [1e-3, 1e-2], ["below"]),
        (LOG, [1e-3], ["below", "above"]),
        (LOG, [1e-3, 1e-4, 9e-2], []),
        (FloatDistribution(-1.0, 1.0), [-1.0, 0.0], ["below"]),
        (FloatDistribution(0.0, 0.5), [0.1, 0.3], []),  # no rate of dropout is below 0
        (FloatDistribution(0.0, 0.5), [0.49, 0.3], ["above"]),
        (FloatDistribution(0.5, 0.99), [0.98, 0.7], []),  # next to nothing is left below a momentum of 1
        (FloatDistribution(0.5, 0.99), [0.9, 0.7], ["above"]),
        (FloatDistribution(0.1, 1.0), [0.9, 0.7], []),
        (FloatDistribution(0.5, 0.5), [0.5], []),
        (UNITS, [12, 50], ["below"]),
        (UNITS, [108, 50], ["above"]),
        (IntDistribution(1, 9), [2, 5], []),  # no net has fewer layers than 1
        (IntDistribution(0, 9), [0, 5], []),
        (IntDistribution(2, 9), [1, 5], []),  # found in a range that was widened
        (IntDistribution(2, 9), [2, 5], ["below"]),
        (CategoricalDistribution(("relu", "tanh")), ["relu"], []),
    ],
)
def test_a_winner_beyond_which_nothing_was_tried_is_not_bracketed(space, values, open_at):
    study, trials = tried(space, values)
    check = checks_of(study, trials, "bracket")["a"]
    assert check.passed is not bool(open_at)
    if not open_at:
        assert check.text == "the winner of a is bracketed by settings that did no better"
    else:
        where = ", ".join(f"no k {side} {values[0]:.3g} was tried near it" for side in open_at)
        assert check.text == f"the best setting of a may lie further out: {where}"


def test_only_the_winner_is_asked_for_its_bracket():
    study, trials = tried(LOG, [1e-3, 1e-4, 1e-1])
    assert checks_of(study, trials, "bracket")["a"].passed


def test_each_search_brackets_its_own_winner():
    study, first = tried(LOG, [1e-3, 1e-4, 5e-2])
    _, second = tried(LOG, [7.2e-2, 1e-3], search=2)
    check = checks_of(study, [*first, *second], "bracket")["a"]
    assert check.text.endswith("no k above 0.072 was tried near it in search 2")


def test_a_setting_far_off_in_another_parameter_brackets_nothing():
    space = {"rate": LOG, "units": UNITS, "kind": CategoricalDistribution(("x", "y"))}
    study = resolved(Study("Is it?", "digits", build, [Arm("a", space=space)], Protocol(searches=1, seeds=1)))

    def rows(*settings):
        return [
            make_trial(study, "a", "search", i, dict(zip(space, setting, strict=True)), value=0.9 - i / 100)
            for i, setting in enumerate(settings)
        ]

    best, near = (1e-2, 50, "x"), [(1e-3, 60, "x"), (1e-2, 40, "x"), (1e-2, 70, "x")]
    assert checks_of(study, rows(best, *near, (5e-2, 74, "x")), "bracket")["a"].passed
    for beyond in ((5e-2, 76, "x"), (5e-2, 50, "y")):
        text = checks_of(study, rows(best, *near, beyond), "bracket")["a"].text
        assert text.endswith(": no rate above 0.01 was tried near it")


@pytest.mark.parametrize("state", ["pruned", "diverged"])
def test_a_trial_that_gave_no_value_did_no_better(state):
    study, trials = tried(LOG, [1e-2, 1e-3, 5e-2], states=["finished", "finished", state])
    assert checks_of(study, trials, "bracket")["a"].passed


def test_where_a_range_may_not_be_widened_an_open_end_stays_one():
    arm = Arm("a", space={"k": LOG}, limits={"k": (1e-4, 0.1)})
    study = resolved(Study("Is it?", "digits", build, [arm], Protocol(searches=1, seeds=1)))
    trials = [make_trial(study, "a", "search", i, {"k": k}, value=0.9 - i / 10) for i, k in enumerate((0.1, 0.01))]
    assert not checks_of(study, trials, "bracket")["a"].passed


@pytest.mark.parametrize(
    ("states", "passed", "text"),
    [
        (["finished", "diverged"], True, "1 of 2 search trials of a diverged"),
        (["finished", "diverged", "pruned"], True, "1 of 3 search trials of a diverged"),  # pruned is not failed
        (["finished", "diverged", "diverged"], False, "2 of 3 search trials of a diverged"),
        (["finished", "over time"], True, "1 of 2 search trials of a ran over time"),
        (["diverged"], False, "1 of 1 search trials of a diverged"),
        (["finished", "failed", "lost", "killed"], True, "0 of 1 search trials of a diverged"),  # tried again
    ],
)
def test_a_search_of_which_more_than_half_gave_no_value_says_little(states, passed, text):
    study, trials = tried(LOG, [1e-3] * len(states), states=states)
    assert checks_of(study, trials, "failures")["a"] == Check("a", "failures", passed, text)


def test_a_second_try_of_an_index_is_no_further_trial():
    study, trials = tried(LOG, [1e-3, 1e-2], states=["diverged", "diverged"])
    again = make_trial(study, "a", "search", 1, {"k": 1e-2}, value=0.5, number=2)
    assert checks_of(study, [*trials, again], "failures")["a"].text == "1 of 2 search trials of a diverged"


def test_arms_with_fewer_trials_had_no_equal_chance_and_a_setting_tried_twice_is_one():
    study = make_study(arms="abc")
    trials = [
        make_trial(study, arm, "search", index, {"rate": index / 10}, value=0.5)
        for arm, n in (("a", 2), ("b", 3))
        for index in range(n)
    ]
    trials.append(make_trial(study, "a", "search", 2, state="failed"))
    assert checks_of(study, trials, "budget") == {
        "a": Check("a", "budget", False, "a had 2 search trials at 2 settings, another arm 3"),
        "b": Check("b", "budget", True, "b had 3 search trials at 3 settings"),
    }


def test_settings_of_all_searches_count_and_an_arm_with_nothing_to_tune_has_no_search_to_check():
    arms = [Arm("a", space=RATE), Arm("b", space=RATE), Arm("plain")]
    study = resolved(Study("Is it?", "digits", build, arms, Protocol(searches=1, seeds=1)))
    trials = [make_trial(study, arm, "search", search=k, value=0.5) for arm in ("a", "b") for k in (1, 2, 3)]
    trials.append(make_trial(study, "plain", "search", value=0.5))
    found = search_checks(study, TrialIndex(study, trials), trials)
    assert {check.arm for check in found} == {"a", "b"}
    assert checks_of(study, trials, "budget")["a"].text == "a had 3 search trials at 1 setting"
    assert all(check.passed for check in found)


@pytest.mark.parametrize("trials_of", [lambda study: [], lambda study: runs_of(study, "a", "reported", [0.5])])
def test_without_a_search_there_is_nothing_to_check(trials_of):
    study = make_study()
    trials = trials_of(study)
    assert search_checks(study, TrialIndex(study, trials), trials) == []


WIDE, NARROW = FloatDistribution(0.0, 1.0), FloatDistribution(0.1, 0.5)
ANY, FEW = CategoricalDistribution(("relu", "tanh", None)), CategoricalDistribution(("relu", None))


@pytest.mark.parametrize(
    ("ours", "theirs", "contained"),
    [
        ({"space": {"k": WIDE}}, {"space": {"k": NARROW}}, True),
        ({"space": {"k": NARROW}}, {"space": {"k": WIDE}}, False),
        ({"space": {"k": NARROW}}, {"space": {"k": FloatDistribution(0.3, 0.6)}}, False),
        ({"space": {"k": NARROW}}, {"space": {"k": FloatDistribution(0.05, 0.3)}}, False),
        ({"space": {"k": WIDE}}, {"space": {"k": WIDE}}, False),  # the same arm twice
        ({"space": {"k": WIDE}}, {"setting": {"k": 0.0}}, True),
        ({"space": {"k": WIDE}}, {"setting": {"k": 1}}, True),
        ({"space": {"k": WIDE}}, {"setting": {"k": 1.1}}, False),
        ({"space": {"k": WIDE}}, {"setting": {"k": True}}, False),
        ({"space": {"k": WIDE}}, {"setting": {"k": "0.5"}}, False),
        ({"space": {"k": WIDE}}, {"setting": {"k": None}}, False),
        ({"setting": {"k": 0.5}}, {"space": {"k": WIDE}}, False),
        ({"setting": {"k": 0.5}}, {"space": {"k": FloatDistribution(0.5, 0.5)}}, False),
        ({"space": {"k": LOG}}, {"space": {"k": FloatDistribution(1e-3, 1e-2)}}, True),  # the scale is no other range
        ({"space": {"k": FloatDistribution(0.0, 0.1)}}, {"space": {"k": LOG}}, True),
        ({"space": {"k": LOG}}, {"setting": {"k": 0.0}}, False),
        ({"space": {"k": IntDistribution(1, 9)}}, {"space": {"k": IntDistribution(2, 8)}}, True),
        ({"space": {"k": IntDistribution(1, 9)}}, {"space": {"k": FloatDistribution(2, 8)}}, False),
        ({"space": {"k": ANY}}, {"space": {"k": FEW}}, True),
        ({"space": {"k": FEW}}, {"space": {"k": ANY}}, False),
        ({"space": {"k": ANY}}, {"setting": {"k": "tanh"}}, True),
        ({"space": {"k": FEW}}, {"setting": {"k": "tanh"}}, False),
        ({"space": {"k": ANY}}, {"space": {"k": WIDE}}, False),
        ({"space": {"k": WIDE}}, {"space": {"k": CategoricalDistribution((0.1, 0.5))}}, True),
        ({"space": {"k": WIDE}}, {"space": {"k": CategoricalDistribution((0.1, 1.5))}}, False),
        ({"space": {"k": WIDE}, "setting": {"j": 1}}, {"space": {"k": NARROW}, "setting": {"j": 1}}, True),
        ({"space": {"k": WIDE}, "setting": {"j": 1}}, {"space": {"k": NARROW}, "setting": {"j": 2}}, False),
        ({"space": {"k": WIDE, "j": WIDE}}, {"space": {"k": NARROW, "j": WIDE}}, True),
        ({"space": {"k": WIDE, "j": NARROW}}, {"space": {"k": NARROW, "j": WIDE}}, False),
        ({"space": {"k": WIDE, "j": WIDE}}, {"space": {"k": NARROW}}, False),  # what j is there, nobody knows
        ({"space": {"k": WIDE}}, {"space": {"k": NARROW}, "setting": {"j": 1}}, False),
        ({"setting": {"k": 1}}, {"setting": {"k": 1}}, False),
    ],
)
def test_an_arm_contains_another_where_it_could_be_trained_exactly_so(ours, theirs, contained):
    assert contains(Arm("a", **ours), Arm("b", **theirs)) is contained


def test_a_control_contains_nothing_and_nothing_contains_it():
    wide, narrow = Arm("a", space={"k": WIDE}), Arm("b", space={"k": NARROW})
    copy_of_wide, copy_of_narrow = (Arm(arm.name + "2", space=arm.space, copy_of=arm.name) for arm in (wide, narrow))
    assert contains(wide, narrow)
    assert not contains(copy_of_wide, narrow)
    assert not contains(wide, copy_of_narrow)


def nested(direction="maximize"):
    """A study of two arms, of which `wide` contains `narrow`."""
    arms = [Arm("wide", space={"rate": WIDE}), Arm("narrow", space={"rate": NARROW})]
    metric = "val_accuracy" if direction == "maximize" else "val_loss"
    return resolved(
        Study("Is it?", "digits", build, arms, Protocol(searches=1, seeds=1, metric=metric, direction=direction))
    )


def replicated(study, wide, narrow, **changes):
    """Replicates with these values of the search's metric."""
    of = {"wide": wide, "narrow": narrow}
    tuned, metric = {"rate": 0.3}, study.protocol.metric
    return [
        trial
        for arm, values in of.items()
        for trial in runs_of(study, arm, "replicate", values, metric, tuned=tuned, **changes)
    ]


# Two runs that are 0.02 apart have a standard deviation of 0.014142, and their mean a standard error of 0.01: two
# standard errors of the difference of two such means are 2 * sqrt(0.0002) = 0.028284.
@pytest.mark.parametrize(("behind", "passed"), [(0.0285, False), (0.028, True), (-0.1, True)])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_an_arm_that_does_worse_than_what_it_contains_was_searched_too_short(direction, behind, passed):
    study, sign = nested(direction), 1 if direction == "maximize" else -1
    trials = replicated(study, [0.5 - sign * behind, 0.52 - sign * behind], [0.5, 0.52])
    words = "does no worse" if passed else "yet does worse: its search was too short"
    assert checks_of(study, trials, "contains") == {
        "wide": Check("wide", "contains", passed, f"wide contains narrow and {words}")
    }


def test_replicates_of_all_searches_tell_whether_an_arm_does_worse_than_what_it_contains():
    study = nested()
    once = replicated(study, [0.478, 0.498], [0.5, 0.52])  # behind by 0.022
    assert checks_of(study, once, "contains")["wide"].passed
    again = [trial for k in (2, 3) for trial in replicated(study, [0.478, 0.498], [0.5, 0.52], search=k)]
    assert not checks_of(study, once + again, "contains")["wide"].passed  # six runs: 2 * sqrt(2 * 0.00012 / 6) = 0.0126


@pytest.mark.parametrize(("wide", "narrow"), [([0.1], [0.9, 0.9]), ([0.1, 0.1], [0.9]), ([], [])])
def test_too_few_replicates_say_nothing_of_what_is_contained(wide, narrow):
    study = nested()
    assert checks_of(study, replicated(study, wide, narrow), "contains") == {}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (FloatDistribution(0, 1, step=0.5), FloatDistribution(0, 1)),
        (IntDistribution(1, 9), 2.5),
        (IntDistribution(0, 8, step=4), 3),
        (IntDistribution(0, 8, step=4), IntDistribution(0, 8, step=2)),
    ],
)
def test_steps_and_whole_numbers_leave_gaps(ours, theirs):
    other = Arm("b", space={"k": theirs}) if not isinstance(theirs, int | float) else Arm("b", setting={"k": theirs})
    assert not contains(Arm("a", space={"k": ours}), other)


def test_a_range_with_a_step_contains_one_with_a_multiple_of_it():
    assert contains(
        Arm("a", space={"k": IntDistribution(0, 8, step=2)}), Arm("b", space={"k": IntDistribution(0, 8, step=4)})
    )


def test_of_equal_winners_one_that_is_bracketed_is_enough():
    study, trials = tried(LOG, [5e-2, 1e-2, 1e-3])
    equal = [replace(trials[0], value=0.5), replace(trials[1], value=0.5), trials[2]]
    assert checks_of(study, [replace(trial, value=min(trial.value, 0.5)) for trial in equal], "bracket")["a"].passed
    assert not checks_of(study, [equal[0], replace(equal[1], value=0.4), replace(trials[2], value=0.3)], "bracket")[
        "a"
    ].passed
