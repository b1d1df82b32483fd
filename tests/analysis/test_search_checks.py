"""Checks on searches, on made-up trials; ends of ranges and standard errors are worked out by hand."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy.analysis.results import Check
from dlstudy.analysis.search_checks import contains, search_checks
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Arm, Study
from tests.helpers.builders import RATE, build, make_study, make_trial, resolved, runs_of

LOG = FloatDistribution(1e-4, 1e-1, log=True)  # 5 % of its three decades: to 1.41e-4, and from 7.08e-2
UNITS = IntDistribution(8, 108)


def checks_of(study, trials, name):
    """The checks of that name, by arm."""
    found = search_checks(study, TrialIndex(study, trials), trials)
    return {check.arm: check for check in found if check.name == name}


def tried(space, values, search=1, states=None):
    """A study of one arm with one parameter, and search trials at these values, of which the first is the best."""
    study = resolved(Study("Is it?", "digits", build, [Arm("a", space={"k": space})], Protocol(seeds=1)))
    return study, [
        make_trial(
            study, "a", "search", index, {"k": value}, value=0.9 - index / 100, search=search,
            state=states[index] if states else "finished",
        )
        for index, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("space", "values", "end"),
    [
        (LOG, [1.4e-4, 1e-3], "lower"),
        (LOG, [1.5e-4, 1e-3], None),
        (LOG, [7.2e-2, 1e-3], "upper"),
        (LOG, [7.0e-2, 1e-3], None),
        (LOG, [1.4e-4, 1.3e-4], None),  # something further out was tried, and was worse
        (LOG, [7.2e-2, 9e-2], None),
        (LOG, [1.4e-4, 1.4e-4], "lower"),
        (FloatDistribution(1.0, 3.0), [1.09], "lower"),
        (FloatDistribution(1.0, 3.0), [1.11], None),
        (FloatDistribution(1.0, 3.0), [2.91], "upper"),
        (FloatDistribution(-1.0, 1.0), [-1.0], "lower"),
        (FloatDistribution(0.0, 0.5), [0.0], None),  # no rate of dropout is below 0
        (FloatDistribution(0.0, 0.5), [0.5], "upper"),
        (FloatDistribution(0.5, 0.5), [0.5], None),
        (UNITS, [12], "lower"),
        (UNITS, [14], None),
        (UNITS, [104], "upper"),
        (IntDistribution(1, 9), [1], None),  # no net has fewer layers than 1
        (IntDistribution(0, 9), [0], None),
        (IntDistribution(2, 9), [2], "lower"),
        (IntDistribution(1, 9), [9], "upper"),
        (IntDistribution(1, 1024, log=True), [800], "upper"),  # log 800 / log 1024 is 0.964
        (CategoricalDistribution(("relu", "tanh")), ["relu"], None),
    ],
)
def test_a_winner_on_an_end_of_its_range_that_could_be_moved_lies_on_the_edge(space, values, end):
    study, trials = tried(space, values)
    check = checks_of(study, trials, "edge")["a"]
    assert check.passed is (end is None)
    if end is None:
        assert check.text == "the winner of a lies inside its space"
    else:
        assert check.text == (
            f"the best setting of a may lie outside its space: k {values[0]:.3g} lies within 5 % of the {end} end of "
            "its range"
        )


def test_only_the_winner_is_asked_for_its_edge():
    study, trials = tried(LOG, [1e-3, 1e-4, 1e-1])
    assert checks_of(study, trials, "edge")["a"].passed


def test_each_search_is_asked_for_its_edge_and_what_any_tried_counts():
    study, first = tried(LOG, [1e-3, 5e-2])
    _, second = tried(LOG, [7.2e-2], search=2)
    check = checks_of(study, [*first, *second], "edge")["a"]
    assert check.text.endswith("k 0.072 of search 2 lies within 5 % of the upper end of its range")
    _, further = tried(LOG, [1e-3, 9e-2])
    assert checks_of(study, [*further, *second], "edge")["a"].passed


def test_each_parameter_of_an_arm_may_lie_on_an_edge():
    study = resolved(
        Study("Is it?", "digits", build, [Arm("a", space={"rate": LOG, "units": UNITS})], Protocol(seeds=1))
    )
    trial = make_trial(study, "a", "search", 0, {"rate": 1e-4, "units": 108}, value=0.9)
    assert checks_of(study, [trial], "edge")["a"].text.endswith(
        ": rate 0.0001 lies within 5 % of the lower end of its range, "
        "units 108 lies within 5 % of the upper end of its range"
    )


@pytest.mark.parametrize(
    ("states", "passed", "text"),
    [
        (["finished", "diverged"], True, "1 of 2 search trials of a gave no value"),
        (["finished", "diverged", "pruned"], False, "2 of 3 search trials of a gave no value"),
        (["diverged"], False, "1 of 1 search trials of a gave no value"),
        (["finished", "failed", "lost", "killed"], True, "0 of 1 search trials of a gave no value"),  # tried again
    ],
)
def test_a_search_of_which_more_than_half_gave_no_value_says_little(states, passed, text):
    study, trials = tried(LOG, [1e-3] * len(states), states=states)
    assert checks_of(study, trials, "failures")["a"] == Check("a", "failures", passed, text)


def test_a_second_try_of_an_index_is_no_further_trial():
    study, trials = tried(LOG, [1e-3, 1e-2], states=["diverged", "diverged"])
    again = make_trial(study, "a", "search", 1, {"k": 1e-2}, value=0.5, number=2)
    assert checks_of(study, [*trials, again], "failures")["a"].text == "1 of 2 search trials of a gave no value"


def test_arms_that_were_tried_at_fewer_settings_had_no_equal_chance():
    study = make_study(arms="abc")
    trials = [
        make_trial(study, arm, "search", index, value=0.5) for arm, n in (("a", 2), ("b", 3)) for index in range(n)
    ]
    trials.append(make_trial(study, "a", "search", 2, state="failed"))
    assert checks_of(study, trials, "budget") == {
        "a": Check("a", "budget", False, "a was tried at 2 settings, another arm at 3"),
        "b": Check("b", "budget", True, "b was tried at 3 settings"),
    }


def test_settings_of_all_searches_count_and_an_arm_with_nothing_to_tune_has_no_search_to_check():
    arms = [Arm("a", space=RATE), Arm("b", space=RATE), Arm("plain")]
    study = resolved(Study("Is it?", "digits", build, arms, Protocol(seeds=1)))
    trials = [make_trial(study, arm, "search", search=k, value=0.5) for arm in ("a", "b") for k in (1, 2, 3)]
    trials.append(make_trial(study, "plain", "search", value=0.5))
    found = search_checks(study, TrialIndex(study, trials), trials)
    assert {check.arm for check in found} == {"a", "b"}
    assert checks_of(study, trials, "budget")["a"].text == "a was tried at 3 settings"
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
    return resolved(Study("Is it?", "digits", build, arms, Protocol(seeds=1, metric=metric, direction=direction)))


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


def test_a_winner_on_the_edge_is_none_where_a_setting_inside_did_as_well():
    study = make_study()
    winner = make_trial(study, "a", "search", 0, tuned={"rate": 1.0}, value=0.5)
    inside = make_trial(study, "a", "search", 1, tuned={"rate": 0.5}, value=0.5)
    worse = make_trial(study, "a", "search", 1, tuned={"rate": 0.5}, value=0.4)
    assert checks_of(study, [winner, inside], "edge")["a"].passed
    assert not checks_of(study, [winner, worse], "edge")["a"].passed
