"""The study model: every rule of its dataclasses, and what they compute."""

import math
from dataclasses import FrozenInstanceError, replace
from functools import partial

import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from dlstudy.errors import DefinitionError, StudyError
from dlstudy.study.claims import Claim, Reported, seeds_needed
from dlstudy.study.phases import Phase
from dlstudy.study.protocol import Protocol, Sweep
from dlstudy.study.split import Split
from dlstudy.study.study import Arm, Study
from tests.helpers.builders import RATE, figure, make_study

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
SWEPT = partial(BETTER, phase="sweep", sweep="s")
ARM_A = Arm("a")


def claims(n: int) -> list[Claim]:
    return [Claim(f"claim {i}", better="a", than="b", metric="test_accuracy") for i in range(n)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Split(validation=-1), r"Split\.validation must be a number of rows, a share .* got -1"),
        (lambda: Split(validation=1.0), r"a share in \[0, 1\), different row numbers or 'stated', got 1\.0"),
        (lambda: Split(validation=math.nan), "got nan"),
        (lambda: Split(validation=True), "got True"),
        (lambda: Split(validation="0.1"), "got '0.1'"),
        (lambda: Split(test=0.0), r"Split\.test must be None \(the data set's own test rows\), a share .*got 0\.0"),
        (lambda: Split(test=1.0), r"got 1\.0"),
        (lambda: Split(test=100), "got 100"),
        (lambda: Split(test=0.2), r"Split\.random_state must be a number when Split\.test is a share, got None"),
    ],
)
def test_split_rules(make, message):
    with pytest.raises(StudyError, match=message):
        make()


@pytest.mark.parametrize("random_state", ["42", 1.5, -1])
def test_split_refuses_a_random_state_that_is_no_seed(random_state):
    with pytest.raises(StudyError, match="random_state"):
        Split(validation=0.1, random_state=random_state)


def test_split_scales_rows_and_keeps_shares():
    assert Split(validation=5_000).scaled(0.1) == Split(validation=500)
    assert Split(validation=5).scaled(0.5) == Split(validation=2)  # 2.5 to the even number
    share = Split(validation=0.25, test=0.2, random_state=42)
    assert share.scaled(0.1) == share


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "ä", "a" * 65, "a\n", 3, None])
def test_arm_name_is_safe_in_file_names(name):
    with pytest.raises(StudyError, match=r"Arm\.name must be 1 to 64 letters, digits, _, \. or -"):
        Arm(name)


@pytest.mark.parametrize("name", ["a", "A-1.5_b", "a" * 64, "_", "2x"])
def test_arm_name_may_hold_letters_digits_and_signs(name):
    assert Arm(name).name == name


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"setting": [("k", 1)]}, "arm a: setting must map names to values, got "),
        ({"setting": {"a b": 1}}, "arm a: setting: a parameter's name must be an identifier other than seed, .*'a b'"),
        ({"setting": {1: 1}}, "must be an identifier .* got 1"),
        *[({"setting": {name: 1}}, f"got '{name}'") for name in ("seed", "input_shape", "n_classes")],
        ({"setting": {"k": [1]}}, r"setting: k must be text, a finite number, true, false or None, got \[1\]"),
        ({"setting": {"k": math.inf}}, "a finite number.* got inf"),
        ({"space": {"k": 0.1}}, r"arm a: space: k must be an Optuna distribution \(.*\), got 0\.1"),
        ({"space": RATE, "setting": {"rate": 1}}, r"either in setting or in space, got \['rate'\] in both"),
        ({"space": RATE, "reported": {}}, r"reported must give every parameter of space, got none for \['rate'\]: add"),
        ({"reported": {"k": object()}}, "arm a: reported: k must be text"),
        *[
            ({"restarts": value}, rf"arm a: restarts must be a whole number from 1 to 1,000, got {value!r}")
            for value in (0, -1, 1_001, 2.0, True, "5", None)
        ],
    ],
)
def test_arm_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Arm("a", **fields)


def test_an_arm_trains_once_a_trial_unless_it_says_otherwise():
    assert Arm("a").restarts == 1
    assert [Arm("a", restarts=n).restarts for n in (5, 1_000)] == [5, 1_000]


def test_an_arm_states_a_setting_for_a_phase_or_none():
    arm = Arm("a", space=RATE, reported={"rate": 0.1})
    assert arm.stated(Phase.REPORTED) == {"rate": 0.1}
    assert arm.stated(Phase.DEFAULTS) is None


def test_arm_holds_read_only_copies():
    given = {"k": 1, "none": None, "flag": True, "text": "x", "number": 0.5}
    arm = Arm("a", setting=given, space=RATE, reported={"rate": 0.1, "epochs": 3})
    given["k"] = 2
    assert dict(arm.setting) == {"k": 1, "none": None, "flag": True, "text": "x", "number": 0.5}
    for mapping in (arm.setting, arm.space, arm.reported):
        with pytest.raises(TypeError, match="does not support item assignment"):
            mapping["k"] = 2


@pytest.mark.parametrize("name", ["epochs", "batch_size", "trials", "seeds", "searches", "reported_seeds", "silence_s"])
@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3"])
def test_protocol_counts_are_whole_and_positive(name, value):
    with pytest.raises(
        StudyError, match=rf"{name} must be a whole number from 1 to 1,000,000, got .*: change Protocol.{name}"
    ):
        Protocol(**{name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rows": 0}, r"rows must be None or a whole number from 1 to 1,000,000, got 0: change Protocol\.rows"),
        ({"metric": "accuracy"}, r"Protocol\.metric must be train_, val_ or test_ and the name of a metric"),
        ({"metric": "val_kappa"}, "metric 'val_kappa' does not say which way is better: state direction"),
        ({"metric": "test_accuracy"}, "must not see the test set .*'test_accuracy': name a val_ metric"),
        ({"metric": "train_loss"}, "judge by its training rows, got Protocol.metric='train_loss'"),
        ({"direction": "up"}, r"Protocol\.direction must be maximize or minimize, got 'up'"),
        ({"split": Split()}, r"the search needs validation rows, got .*: raise Split\.validation"),
        ({"split": Split(validation=0.0)}, "the search needs validation rows"),
    ],
)
def test_protocol_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Protocol(**fields)


def test_a_reported_split_needs_no_validation_rows():
    assert Protocol(reported_split=Split()).reported_split == Split()


@pytest.mark.parametrize(
    ("value", "half"),
    [
        ("0.9560", 0.00005),
        (0.956, 0.0005),
        ("50005100", 0.5),
        (3, 0.5),
        ("1e-3", 0.0005),
        ("1.50E+2", 0.5),
        (1e-05, 0.000005),
        ("-0.5", 0.05),
    ],
)
def test_half_unit_is_half_of_the_last_reported_digit(value, half):
    reported = figure(value)
    assert reported.half_unit == pytest.approx(half, rel=1e-12)
    assert reported.number == float(value)


def test_half_unit_does_not_count_spaces():
    assert figure(" 0.95 ").half_unit == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "accuracy"}, r"Reported\.metric of arm a must be train_, val_ or test_"),
        *[
            ({"value": value}, r"Reported\.value of a test_loss must be a finite number, got ")
            for value in ("high", "nan", math.inf, None, [1.0])
        ],
        ({"epoch": 0}, r"Reported\.epoch of a test_loss must be None or at least 1, got 0"),
        ({"epoch": 1.5}, r"got 1\.5"),
        ({"setting": {"seed": 1}}, r"Reported\.setting of arm a: a parameter's name must be .* got 'seed'"),
    ],
)
def test_reported_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Reported(**({"arm": "a", "metric": "test_loss", "value": "0.1"} | fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "  "}, r"Claim\.text must be text that is not blank, got ' '"),
        ({"metric": ""}, r"Claim\.metric of 'a is better' must be train_, val_ or test_"),
        ({"than": ()}, r"Claim\.than of 'a is better' must name at least one arm, got none"),
        ({"than": ("b", "a")}, r"must not name the better arm, got \('b', 'a'\)"),
        ({"phase": "search"}, r"Claim\.phase of 'a is better' must be replicate, reported, .* or sweep, got 'search'"),
        ({"epoch": 0}, r"Claim\.epoch of 'a is better' must be None or at least 1, got 0"),
        ({"direction": "up"}, r"Claim\.direction of 'a is better' must be maximize or minimize, got 'up'"),
        ({"metric": "test_kappa"}, "metric 'test_kappa' does not say which way is better: state direction"),
    ],
)
def test_claim_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Claim(**({"text": "a is better", "better": "a", "than": "b", "metric": "test_accuracy"} | fields))


def test_claim_reads_its_direction_from_the_metric_unless_stated():
    assert BETTER().direction == "maximize"
    assert BETTER(metric="test_loss").direction == "minimize"
    assert BETTER(metric="test_kappa", direction="maximize").direction == "maximize"
    assert BETTER().than == ("b",)


def test_an_untestable_claim_needs_its_text_and_reason_only():
    assert Claim("it needs no tuning", untestable="no arm tunes nothing").than == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"question": " "}, r"Study\.question must be text that is not blank, got ' '"),
        ({"dataset": "../x"}, r"Study\.dataset must be 1 to 64 letters"),
        ({"build": "model"}, r"Study\.build must be a function of p, got 'model'"),
        ({"arms": ["a"]}, r"Study\.arms must hold Arm objects only, got 'a' among them"),
        ({"claims": [figure()]}, r"Study\.claims must hold Claim objects only"),
        ({"reported": [BETTER()]}, r"Study\.reported must hold Reported objects only"),
        ({"arms": []}, r"a study needs at least one arm, got none: fill Study\.arms"),
        ({"arms": [Arm("SGD"), Arm("sgd")]}, r"must differ by more than case, got \['sgd'\] twice: rename one"),
        ({"reported": [figure()]}, r"got Reported for a without Arm\.reported"),
        ({"reported": [figure(arm="z")]}, "Reported must name arms of this study, got 'z': choose from a, b"),
        ({"claims": [BETTER(than="z")]}, "claim '.*' must name arms of this study, got 'z': choose from a, b"),
        ({"claims": [BETTER(better="")]}, "must name arms of this study, got ''"),
        (
            {"claims": [BETTER(phase="reported")]},
            r"compares reported settings, got arm a without Arm\.reported: add it",
        ),
    ],
)
def test_study_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Study(**({"question": "Is a better?", "dataset": "digits", "build": dict, "arms": [ARM_A, Arm("b")]} | fields))


def test_study_keeps_tuples_and_finds_arms_by_name():
    study = make_study(reported=[figure()], claims=claims(1))
    assert [type(items) for items in (study.arms, study.reported, study.claims)] == [tuple] * 3
    assert study.arm("b") is study.arms[1]
    with pytest.raises(StudyError, match="no arm 'c': choose from a, b"):
        study.arm("c")


@pytest.mark.parametrize(("n_claims", "seeds"), [(1, 6), (3, 7), (5, 8), (15, 10)])
def test_each_claim_can_reach_significance_with_the_seeds_that_are_asked_for(n_claims, seeds):
    assert seeds_needed(n_claims) == seeds
    assert 2 / 2**seeds <= 0.05 / n_claims < 2 / 2 ** (seeds - 1)
    assert make_study(claims=claims(n_claims), seeds=seeds).protocol.seeds == seeds
    message = rf"{n_claims} claims need at least {seeds} seeds .*got {seeds - 1}: raise Protocol\.seeds"
    with pytest.raises(StudyError, match=message):
        make_study(claims=claims(n_claims), seeds=seeds - 1)


def test_one_seed_is_enough_without_claims_that_can_be_tested():
    assert seeds_needed(0) == 1
    untestable = [Claim(f"claim {i}", untestable="no arm for it") for i in range(15)]
    assert make_study(claims=untestable, seeds=1).claims == tuple(untestable)


def test_a_claim_against_several_arms_is_one_claim():
    study = make_study(arms="abcde", claims=[BETTER(than=tuple("bcde"))], seeds=6)
    assert study.claims[0].than == ("b", "c", "d", "e")


@pytest.mark.parametrize("item", [Split(), ARM_A, Protocol(), figure(), BETTER(), make_study()])
def test_the_study_model_is_frozen(item):
    name = next(iter(vars(item)))
    with pytest.raises(FrozenInstanceError, match=name):
        setattr(item, name, None)


def test_a_broken_rule_is_an_error_of_the_definition():
    assert issubclass(StudyError, DefinitionError)


def test_any_optuna_distribution_makes_a_space():
    assert Arm("a", space={"units": IntDistribution(1, 8)}).space["units"] == IntDistribution(1, 8)


@pytest.mark.parametrize("setting", [{"epochs": 0}, {"epochs": "ten"}, {"more_epochs": 0}, {"batch_size": -1}])
def test_an_arms_own_epochs_and_batch_size_are_counts(setting):
    with pytest.raises(StudyError, match="must be a whole number from 1 to 1,000,000"):
        Arm("a", setting=setting)


def test_training_is_continued_where_an_arm_says_for_how_many_epochs():
    def study(*arms, **more):
        return Study(question="Is a better?", dataset="digits", build=print, arms=arms, **more)

    further = Arm("a", setting={"more_epochs": 3})
    assert study(further, continue_training=print).continue_training is print
    with pytest.raises(StudyError, match="got arm a with more_epochs and no function: add it"):
        study(further)
    with pytest.raises(StudyError, match="for arms whose setting has more_epochs, got no such arm: add it"):
        study(Arm("a"), continue_training=print)


def test_defaults_give_every_parameter_of_the_space():
    arm = Arm("a", space=RATE, defaults={"rate": 0.01, "epochs": 3})
    assert dict(arm.defaults) == {"rate": 0.01, "epochs": 3}
    with pytest.raises(TypeError, match="does not support item assignment"):
        arm.defaults["rate"] = 1
    with pytest.raises(
        StudyError, match=r"arm a: defaults must give every parameter of space, got none for \['rate'\]"
    ):
        Arm("a", space=RATE, defaults={})
    with pytest.raises(StudyError, match=r"arm a: defaults: k must be text"):
        Arm("a", defaults={"k": [1]})


@pytest.mark.parametrize("name", ["prepare", "callbacks", "continue_training", "extra_metrics", "figures"])
def test_what_a_study_does_is_a_function_or_nothing(name):
    arms = [Arm("a", {"more_epochs": 1} if name == "continue_training" else {})]
    study = Study(question="Is a better?", dataset="digits", build=print, arms=arms, **{name: dict})
    assert getattr(study, name) is dict
    with pytest.raises(StudyError, match=rf"Study\.{name} must be a function or None, got 'scale'"):
        replace(make_study(), **{name: "scale"})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sweeps": [Sweep("s", {"k": [1]}), Sweep("s", {"k": [2]})]}, r"sweep names must differ, got \['s', 's'\]"),
        (
            {"sweeps": [Sweep("s", {"k": [1]}, arms=["z"])]},
            "sweep s must name arms of this study, got 'z': choose from a, b",
        ),
        (
            {"sweeps": [Sweep("s", {"k": [1]}, own={"z": {"k": [2]}})]},
            "sweep s must name arms of this study, got 'z': choose from a, b",
        ),
        ({"sweeps": ["s"]}, r"Study\.sweeps must hold Sweep objects only, got 's'"),
        ({"remarks": "one"}, r"Study\.remarks must be a list of texts, got 'one'"),
        ({"other_datasets": [1]}, r"Study\.other_datasets must hold texts only, got 1 among"),
        ({"derived": [figure()]}, r"Study\.derived must hold Derived objects only"),
        ({"claims": [SWEPT()]}, "this study has no sweep 's': choose from none"),
        (
            {"claims": [BETTER(phase="defaults")]},
            r"compares defaults settings, got arm a without Arm\.defaults: add it",
        ),
        ({"claims": [BETTER(phase="tuning")]}, r"compares tuning settings, got arm a without Arm\.defaults: add it"),
    ],
)
def test_rules_of_sweeps_and_defaults(fields, message):
    with pytest.raises(StudyError, match=message):
        replace(make_study(), **fields)


@pytest.mark.parametrize(
    ("sweep", "claim", "message"),
    [
        (Sweep("s", {"rate": [1]}), SWEPT(at={"rate": 2}), r"about values of sweep s, got others: \{'rate': 2\}"),
        (Sweep("s", {"rate": [1]}), SWEPT(at={"kind": 1}), r"about values of sweep s, got others: \{'kind': 1\}"),
        (Sweep("s", {"rate": [1]}, arms=["a"]), SWEPT(), r"compares arms of sweep s, got \['b'\]: add them to it"),
        (
            Sweep("s", {"rate": [1]}, seeds=5), SWEPT(),
            r"1 claims need at least 6 seeds .*, got 5: raise seeds of sweep s",
        ),
    ],
)  # fmt: skip
def test_a_claim_over_a_sweep_is_about_what_the_sweep_trains(sweep, claim, message):
    with pytest.raises(StudyError, match=message):
        replace(make_study(), sweeps=[sweep], claims=[claim])


def test_a_sweep_without_claims_may_have_a_single_seed():
    study = replace(make_study(), sweeps=[Sweep("s", {"rate": [1]}, seeds=1)], claims=claims(1))
    assert study.sweep("s").seeds == 1


def test_a_sweep_takes_what_it_leaves_open_from_defaults_else_from_what_was_reported():
    space = {"rate": FloatDistribution(0.01, 1.0), "decay": FloatDistribution(0.0, 1.0)}
    reported, defaults = {"rate": 0.1, "decay": 0.2, "epochs": 30}, {"rate": 0.3, "decay": 0.4, "epochs": 40}
    arms = [
        Arm("reported", space=space, reported=reported),
        Arm("both", space=space, reported=reported, defaults=defaults),
        Arm("other", space=space, reported=reported),
    ]
    sweep = Sweep("s", {"rate": [1.0, 2.0]}, arms=["reported", "both"], fixed={"momentum": 0.9})
    study = Study("Is it?", "digits", dict, arms, sweeps=[sweep])
    assert study.sweep_settings(sweep, arms[0]) == [
        {"decay": 0.2, "momentum": 0.9, "rate": rate} for rate in (1.0, 2.0)
    ]  # epochs are no part of the space: the protocol's hold
    assert [setting["decay"] for setting in study.sweep_settings(sweep, arms[1])] == [0.4, 0.4]
    assert study.sweep_settings(sweep, arms[2]) == []


def test_an_arm_with_values_of_its_own_is_trained_at_them():
    sweep = Sweep("s", {"rate": [1, 2]}, own={"b": {"rate": [10, 20]}}, fixed={"momentum": 0.9})
    study = make_study(sweeps=[sweep])
    settings = [study.sweep_settings(sweep, arm) for arm in study.arms]
    assert settings == [[{"rate": rate, "momentum": 0.9} for rate in rates] for rates in ([1, 2], [10, 20])]


def test_a_sweep_that_leaves_a_parameter_open_is_refused():
    arms = [Arm("a", space=RATE)]
    with pytest.raises(StudyError, match=r"sweep s leaves parameters of arm a open, got values for \['k'\]: state the"):
        Study("Is it?", "digits", dict, arms, sweeps=[Sweep("s", {"k": [1]})])
    assert Study("Is it?", "digits", dict, arms, sweeps=[Sweep("s", {"k": [1]}, fixed={"rate": 0.1})]).sweeps


def test_the_test_metric_answers_to_the_metric_of_the_search():
    assert make_study(metric="val_top_val_accuracy").test_metric == "test_top_val_accuracy"


def test_the_family_are_the_claims_of_the_document_that_can_be_tested():
    one, other, aa_test = BETTER(), BETTER(metric="test_loss"), BETTER(aa_test=True)
    untestable = Claim("it is easy", untestable="no arm")
    assert make_study(claims=[one, untestable, aa_test, other]).family == [one, other]


def test_an_aa_test_needs_no_seed_more():
    study = make_study(seeds=6, claims=[BETTER(), BETTER(aa_test=True), BETTER(metric="test_loss", aa_test=True)])
    assert study.protocol.seeds == seeds_needed(1) == 6
