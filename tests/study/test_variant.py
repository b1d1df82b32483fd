"""A study run otherwise than its file says."""

import dataclasses
from itertools import product

import pytest

from dlstudy.datasets import registry
from dlstudy.errors import StudyError, UsageError
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Sweep
from dlstudy.study.seeds import stream_of
from dlstudy.study.split import Split
from dlstudy.study.study import Arm
from dlstudy.study.variant import PRUNERS, SAMPLERS, Variant
from tests.helpers.builders import RATE, REPORTED, make_study

DIGITS, MNIST = registry.describe("digits"), registry.describe("mnist")
VARIANTS = [
    Variant(*fields)
    for fields in product((False, True), (None, "digits"), (None, 1, 30), SAMPLERS, PRUNERS, (0, 1, 12), (1, 2))
]


def test_a_variant_is_found_again_by_its_name():
    assert [Variant.parse(str(variant)) for variant in VARIANTS] == VARIANTS
    assert len({str(variant) for variant in VARIANTS}) == len(VARIANTS) == 864


@pytest.mark.parametrize("number", [2, 3, 10, 123_456])
def test_a_later_generation_is_found_again_by_its_name(number):
    later = [variant.of_generation(number) for variant in VARIANTS]
    assert [Variant.parse(f"{variant}~{number}") for variant in VARIANTS] == later
    assert [Variant.parse(str(variant)) for variant in later] == later
    assert [variant.of_generation(1) for variant in later] == VARIANTS


def test_a_name_says_what_differs():
    assert str(Variant()) == "default"
    assert str(Variant(quick=True)) == "quick"
    assert str(Variant(epochs=3, pruner="median")) == "epochs=3+pruner=median"
    assert str(Variant(aa_test=1)) == "aa-test"
    assert str(Variant(aa_test=3, replication=2)) == "aa-test=3+replication=2"
    everything = Variant(True, "digits", 3, "tpe", "hyperband", aa_test=1, replication=7, generation=2)
    assert str(everything) == "quick+dataset=digits+epochs=3+sampler=tpe+pruner=hyperband+aa-test+replication=7~2"


def test_the_word_of_version_1_for_an_aa_test_is_read():
    assert Variant.parse("control") == Variant(aa_test=True)
    assert Variant.parse("quick+control~2") == Variant(quick=True, aa_test=True, generation=2)


def test_what_differs_is_given_as_options_of_the_command():
    assert Variant().options == {}
    everything = Variant(True, "digits", 3, "tpe", "median", aa_test=1, replication=2, generation=2)
    assert everything.options == {
        "quick": True, "dataset": "digits", "epochs": 3, "sampler": "tpe", "pruner": "median", "aa-test": True,
        "replication": 2,
    }  # fmt: skip
    assert Variant(aa_test=5).options == {"aa-test": 5}


def test_aa_tests_and_replications_train_what_the_study_states():
    stated = [Variant(aa_test=n, replication=k) for n in (0, 1, 12) for k in (1, 2)]
    assert [variant for variant in VARIANTS if variant.trains_as_stated] == stated


@pytest.mark.parametrize(
    "name",
    [
        "", "slow", "epochs=", "epochs=x", "epochs=-1", "quick=1", "default+quick", "dataset=", "aa-test=1", "controls",
        "aa_test", "quick+quick", "epochs=3+quick", "quick+control+aa-test", "sampler=sobol", "pruner=none",
        "epochs=03", "default~", "default~x", "default~0", "default~1", "default~02", "default~-2", "default~2~3",
        "~2", "quick ", "aa-test=0", "aa-test=02", "aa-test=x", "replication", "replication=1", "replication=0",
        "replication=x", "replication=2+quick", "replication=2+aa-test", f"replication={'9' * 10}",
        f"epochs={'9' * 5_000}", f"default~{'9' * 5_000}",
    ],
    ids=lambda name: name[:20],
)  # fmt: skip
def test_a_name_of_no_variant_is_refused(name):
    with pytest.raises(UsageError, match=r"no variant is named .*: `dlstudy status` lists them"):
        Variant.parse(name)


def test_a_superscript_is_no_number():
    for name in ("epochs=²", "default~²"):
        with pytest.raises(UsageError, match="no variant is named"):
            Variant.parse(name)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sampler": "grid"}, "--sampler must be one of sobol, random, tpe, or one of Optuna's by name, got 'grid'"),
        (
            {"pruner": "asha"},
            "--pruner must be one of none, median, hyperband, halving, or one of Optuna's by name, got 'asha'",
        ),
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
        ({"aa_test": -1}, "--aa-test must be from 0 to 100, got -1"),
        ({"aa_test": 101}, "--aa-test must be from 0 to 100, got 101"),
        ({"replication": 0}, "--replication must be from 1 to 999,999,999, got 0"),
        ({"replication": 10**9}, "--replication must be from 1 to 999,999,999, got 1000000000"),
    ],
)
def test_variant_rules(fields, message):
    with pytest.raises(UsageError, match=message):
        Variant(**fields)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [({}, False), ({"sampler": "random"}, False), ({"sampler": "tpe"}, True), ({"pruner": "median"}, True)],
)
def test_order_matters_where_earlier_trials_decide(fields, answer):
    assert Variant(**fields).order_matters is answer


def test_the_default_variant_changes_nothing():
    study = make_study(dataset="mnist", split=Split(5_000), reported_split=Split())
    assert Variant().apply(study, MNIST, MNIST) == study


def test_quick_takes_fewer_epochs_trials_and_rows_and_no_fewer_seeds():
    study = make_study(dataset="mnist", epochs=10, trials=8, seeds=9, split=Split(5_000), reported_split=Split(500))
    quick = Variant(quick=True).apply(study, MNIST, MNIST).protocol
    assert (quick.epochs, quick.trials, quick.rows, quick.seeds) == (2, 3, 6_000, 9)
    assert (quick.split, quick.reported_split) == (Split(500), Split(50))  # 6,000 of 60,000 rows


def test_quick_never_takes_more_than_the_study_does():
    study = make_study(epochs=1, trials=2, seeds=3, rows=100, split=Split(10))
    assert Variant(quick=True).apply(study, DIGITS, DIGITS) == study


def test_stated_epochs_go_over_those_of_quick():
    assert Variant(quick=True, epochs=7).apply(make_study(), DIGITS, DIGITS).protocol.epochs == 7
    assert Variant(epochs=70).apply(make_study(epochs=10), DIGITS, DIGITS).protocol.epochs == 70


def test_validation_rows_keep_their_share_of_another_data_set():
    study = make_study(dataset="mnist", split=Split(5_000), reported_split=Split(0.25))
    changed = Variant(dataset="digits").apply(study, MNIST, DIGITS)
    assert changed.dataset == "digits"
    assert changed.protocol.rows is None
    assert changed.protocol.split == Split(120)  # 5,000 / 60,000 of 1,437
    assert changed.protocol.reported_split == Split(0.25)
    assert changed.protocol.seeds == study.protocol.seeds


def test_validation_rows_keep_their_share_of_the_rows_in_use():
    study = make_study(dataset="mnist", rows=10_000, split=Split(1_000))
    onto_digits = Variant(dataset="digits").apply(study, MNIST, DIGITS).protocol
    assert (onto_digits.rows, onto_digits.split) == (None, Split(144))  # a tenth, as in 1,000 of 10,000
    larger = Variant(dataset="mnist").apply(make_study(rows=1_000, split=Split(100)), DIGITS, MNIST).protocol
    assert (larger.rows, larger.split) == (1_000, Split(100))


def test_a_variant_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="quick"):
        Variant().quick = True


def test_row_numbers_mean_nothing_in_another_data_set_and_become_their_share():
    stated = Split(100, test=range(100), random_state=42)
    study = make_study(split=stated, reported_split=Split(0, test=range(479)))
    assert Variant(epochs=2).apply(study, DIGITS, DIGITS).protocol.split == stated
    quick = Variant(quick=True).apply(study, DIGITS, DIGITS).protocol
    assert quick.split == stated  # the data set is the same: so are its rows
    elsewhere = Variant(dataset="mnist").apply(study, DIGITS, MNIST).protocol
    assert elsewhere.split == Split(4_175, test=100 / 1_437, random_state=42)  # 100 / 1,437 of 60,000
    assert elsewhere.reported_split == Split(0, test=1 / 3, random_state=0)


def test_an_arm_s_own_reported_split_is_resized_as_the_protocol_s():
    study = make_study(dataset="mnist", split=Split(6_000))
    arms = [dataclasses.replace(study.arms[0], reported_split=Split(3_000)), study.arms[1]]
    changed = Variant(quick=True).apply(dataclasses.replace(study, arms=arms), MNIST, MNIST)
    assert [arm.reported_split for arm in changed.arms] == [Split(300), None]  # 6,000 of 60,000 rows


def test_test_rows_that_the_data_set_states_have_their_numbers_in_every_split():
    stated = dataclasses.replace(DIGITS, stated_rows={"course": (3, 1, 2)})
    study = make_study(split=Split(100, test="course"), reported_split=Split(0, test="course"))
    study = dataclasses.replace(study, arms=[dataclasses.replace(study.arms[0], reported_split=Split(5, "course"))])
    changed = Variant().apply(study, stated, stated)
    splits = [changed.protocol.split, changed.protocol.reported_split, changed.arms[0].reported_split]
    assert [split.test for split in splits] == [(3, 1, 2)] * 3
    elsewhere = Variant(dataset="mnist").apply(study, stated, MNIST).protocol.split
    assert elsewhere == Split(4_175, test=3 / 1_437, random_state=0)
    with pytest.raises(StudyError, match=r"the data set states \(none\), got 'course'"):
        Variant().apply(study, DIGITS, DIGITS)


def with_copy(study, **fields):
    return Variant(aa_test=True, **fields).apply(study, DIGITS, DIGITS)


def test_an_aa_test_adds_a_copy_of_the_first_tuned_arm_with_a_claim_against_it():
    study = make_study(arms="abc", claims=[Claim("c", better="b", than="c", metric="test_loss")])
    plain = dataclasses.replace(study.arms[0], space={})
    study = dataclasses.replace(study, arms=[plain, *study.arms[1:]])
    changed = with_copy(study)
    assert changed.arms[:3] == study.arms
    assert changed.arms[3] == Arm("b-copy", setting={"kind": "b"}, space=RATE, copy_of="b", text="a copy of b")
    assert changed.claims[:1] == study.claims
    assert changed.claims[1:] == (
        Claim(
            "A/A test: b is better than b-copy, its identical copy on other seeds", better="b", than="b-copy",
            metric="test_accuracy", aa_test=True,
        ),
    )  # fmt: skip


def test_several_aa_tests_share_no_arm_and_no_draws():
    changed = Variant(aa_test=3).apply(make_study(), DIGITS, DIGITS)
    names = ["a", "a-copy", "a-copy-2", "a-copy-3", "a-copy-4", "a-copy-5"]
    assert [arm.name for arm in changed.arms] == ["a", "b", *names[1:]]
    assert [(claim.better, claim.than) for claim in changed.claims] == [
        ("a", ("a-copy",)), ("a-copy-2", ("a-copy-3",)), ("a-copy-4", ("a-copy-5",))
    ]  # fmt: skip
    assert all(claim.aa_test for claim in changed.claims)
    assert len({stream_of(changed.arm(name), 1) for name in names}) == 6
    assert {tuple(changed.arm(name).space) for name in names} == {("rate",)}


def test_where_nothing_is_tuned_the_first_arm_has_a_copy():
    study = make_study()
    arms = [dataclasses.replace(arm, space={}) for arm in study.arms]
    assert with_copy(dataclasses.replace(study, arms=arms)).arms[-1].copy_of == "a"


def test_a_copy_is_left_out_of_reported_settings_defaults_and_sweeps():
    study = make_study(sweeps=[Sweep("s", {"rate": [0.1]}), Sweep("of_b", {"rate": [0.1]}, arms=["b"])])
    study = dataclasses.replace(study, arms=[dataclasses.replace(arm, defaults=REPORTED) for arm in study.arms])
    changed = with_copy(study)
    copy = changed.arms[-1]
    assert (copy.reported, copy.defaults) == (None, None)
    assert [sweep.arms for sweep in changed.sweeps] == [("a", "b"), ("b",)]
    assert [changed.sweep_settings(sweep, copy) for sweep in changed.sweeps] == [[], []]


def test_a_copy_is_judged_by_the_metric_of_the_study_and_in_its_direction():
    claim = with_copy(make_study(metric="val_kappa", direction="minimize")).claims[-1]
    assert (claim.metric, claim.direction, claim.sign) == ("test_kappa", "minimize", -1)


def test_a_copy_is_of_the_arm_as_the_variant_trains_it():
    study = make_study()
    study = dataclasses.replace(study, arms=[dataclasses.replace(study.arms[0], setting={"epochs": 30}), study.arms[1]])
    changed = with_copy(study, epochs=4)
    assert dict(changed.arms[-1].setting) == {"epochs": 4}


def test_stated_validation_rows_keep_their_numbers_and_become_a_share_elsewhere():
    stated = dataclasses.replace(DIGITS, n_validation=400)
    for split, share in ((Split(range(300)), 300 / 1_437), (Split("stated"), 400 / 1_437)):
        study = make_study(split=split)
        assert Variant(quick=True).apply(study, stated, stated).protocol.split == split
        elsewhere = Variant(dataset="mnist").apply(study, stated, MNIST).protocol.split
        assert elsewhere == Split(share, random_state=0)
    both = Variant(dataset="mnist").apply(study, stated, dataclasses.replace(MNIST, n_validation=5))
    assert both.protocol.split == Split("stated")


def test_the_last_rows_test_elsewhere_too():
    study = make_study(split=Split(100, last=500))
    assert Variant(quick=True).apply(study, DIGITS, DIGITS).protocol.split == Split(100, last=500)
    elsewhere = Variant(dataset="mnist").apply(study, DIGITS, MNIST).protocol.split
    assert elsewhere == Split(4_175, last=500 / 1_437)
