"""A study run otherwise than its file says."""

import dataclasses
from itertools import product

import pytest
from builders import make_study

from dlstudy.datasets import registry
from dlstudy.errors import UsageError
from dlstudy.protocol import Split
from dlstudy.variant import PRUNERS, SAMPLERS, Variant

DIGITS, MNIST = registry.describe("digits"), registry.describe("mnist")
VARIANTS = [
    Variant(*fields) for fields in product((False, True), (None, "digits"), (None, 1, 30), SAMPLERS, PRUNERS)
]  # fmt: skip


def test_a_variant_is_found_again_by_its_name():
    assert [Variant.from_name(variant.name) for variant in VARIANTS] == VARIANTS
    assert [Variant.from_name(f"{variant.name}~3") for variant in VARIANTS] == VARIANTS
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) == 108


def test_a_name_says_what_differs():
    assert Variant().name == "default"
    assert Variant(quick=True).name == "quick"
    assert Variant(epochs=3, pruner="median").name == "epochs=3+pruner=median"
    everything = Variant(True, "digits", 3, "tpe", "hyperband")
    assert everything.name == "quick+dataset=digits+epochs=3+sampler=tpe+pruner=hyperband"


@pytest.mark.parametrize(
    "name", ["", "slow", "epochs=", "epochs=x", "epochs=-1", "quick=1", "default+quick", "dataset="]
)
def test_a_name_of_no_variant_is_refused(name):
    with pytest.raises(UsageError, match=r"no variant is named .*: `dlstudy status` lists them"):
        Variant.from_name(name)


def test_a_superscript_is_no_number_of_epochs():
    with pytest.raises(UsageError, match="no variant is named"):
        Variant.from_name("epochs=²")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sampler": "grid"}, "--sampler must be one of sobol, random, tpe, got 'grid'"),
        ({"pruner": "asha"}, "--pruner must be one of none, median, hyperband, got 'asha'"),
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
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
    study = make_study(dataset="mnist", split=Split(5_000), printed_split=Split())
    assert Variant().apply(study, MNIST, MNIST) == study


def test_quick_takes_fewer_epochs_trials_and_rows_and_no_fewer_seeds():
    study = make_study(dataset="mnist", epochs=10, trials=8, seeds=9, split=Split(5_000), printed_split=Split(500))
    quick = Variant(quick=True).apply(study, MNIST, MNIST).protocol
    assert (quick.epochs, quick.trials, quick.rows, quick.seeds) == (2, 3, 6_000, 9)
    assert (quick.split, quick.printed_split) == (Split(500), Split(50))  # 6,000 of 60,000 rows


def test_quick_never_takes_more_than_the_study_does():
    study = make_study(epochs=1, trials=2, seeds=3, rows=100, split=Split(10))
    assert Variant(quick=True).apply(study, DIGITS, DIGITS) == study


def test_stated_epochs_go_over_those_of_quick():
    assert Variant(quick=True, epochs=7).apply(make_study(), DIGITS, DIGITS).protocol.epochs == 7
    assert Variant(epochs=70).apply(make_study(epochs=10), DIGITS, DIGITS).protocol.epochs == 70


def test_validation_rows_keep_their_share_of_another_data_set():
    study = make_study(dataset="mnist", split=Split(5_000), printed_split=Split(0.25))
    changed = Variant(dataset="digits").apply(study, MNIST, DIGITS)
    assert changed.dataset == "digits"
    assert changed.protocol.rows is None
    assert changed.protocol.split == Split(120)  # 5,000 / 60,000 of 1,437
    assert changed.protocol.printed_split == Split(0.25)
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
    study = make_study(split=stated, printed_split=Split(0, test=range(479)))
    assert Variant(epochs=2).apply(study, DIGITS, DIGITS).protocol.split == stated
    quick = Variant(quick=True).apply(study, DIGITS, DIGITS).protocol
    assert quick.split == stated  # the data set is the same: so are its rows
    elsewhere = Variant(dataset="mnist").apply(study, DIGITS, MNIST).protocol
    assert elsewhere.split == Split(4_175, test=100 / 1_437, random_state=42)  # 100 / 1,437 of 60,000
    assert elsewhere.printed_split == Split(0, test=1 / 3, random_state=0)


def test_an_arm_s_own_printed_split_is_resized_as_the_protocol_s():
    study = make_study(dataset="mnist", split=Split(6_000))
    arms = [dataclasses.replace(study.arms[0], printed_split=Split(3_000)), study.arms[1]]
    changed = Variant(quick=True).apply(dataclasses.replace(study, arms=arms), MNIST, MNIST)
    assert [arm.printed_split for arm in changed.arms] == [Split(300), None]  # 6,000 of 60,000 rows
