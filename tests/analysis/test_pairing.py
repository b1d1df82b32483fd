"""Sentences on what paired runs share, on made-up digests."""

from dataclasses import replace

import pytest

from dlstudy.analysis.pairing import describe_pairing
from dlstudy.study.trial import TrainedBy
from tests.helpers.builders import make_study, make_trial

BATCHES = "Runs with the same seed share the split and the order of the batches."
NET = {"kernel 64x32": "1a", "kernel 32x32": "2b", "kernel 32x10": "3c"}


def runs(study, arm, initial, n=2, estimator=False, **params):
    """Replicates on n seeds, whose digests end with the index."""
    trained_by = TrainedBy.ESTIMATOR if estimator else TrainedBy.EPOCH_GRAPH
    return [
        replace(trial, params={**trial.params, **params})
        for index in range(n)
        for digests in [{name: f"{digest}{index}" for name, digest in initial.items()}]
        for trial in [make_trial(study, arm, "replicate", index, initial=digests, trained_by=trained_by)]
    ]


def sentences_on(**arms):
    """The sentences on arms with these digests."""
    study = make_study(tuple(arms))
    return describe_pairing(study, {arm: runs(study, arm, initial) for arm, initial in arms.items()})


def test_equal_nets_share_all():
    assert sentences_on(a=NET, b=NET, c=NET) == [BATCHES, "Initial weights are the same in a, b and c."]


def test_an_arm_that_differs_is_held_against_the_largest_group():
    odd = {"kernel 64x32": "1a", "kernel 32x64": "5e", "kernel 64x10": "6f"}
    assert sentences_on(odd=odd, a=NET, b=NET) == [
        BATCHES,
        "Initial weights are the same in a and b.",
        "odd shares 1 of its 3 initial weights with them, but not kernel 32x64 (none such there) and kernel 64x10 "
        "(none such there).",
    ]


def test_other_numbers_of_a_shape_are_told_from_another_shape():
    other = {**NET, "kernel 32x10": "9z"}
    assert sentences_on(a=NET, b=other)[1:] == [
        "b shares 2 of its 3 initial weights with a, but not kernel 32x10 (other numbers)."
    ]


def test_a_smaller_net_may_share_each_weight_that_it_has():
    smaller = {"kernel 64x32": "1a", "kernel 32x10": "3c"}
    assert sentences_on(a=NET, b=smaller)[1:] == ["b shares each of its initial weights with a."]


def test_arms_that_differ_in_the_same_way_get_one_sentence_however_many_they_are():
    others = {f"arm{i}": dict.fromkeys(NET, f"{i}x") for i in range(20)}
    found = sentences_on(a=NET, b=NET, **others)
    assert len(found) == 3
    assert found[2].startswith("arm0, arm1, ")
    assert found[2].endswith(
        "arm18 and arm19 share no initial weights with them: kernel 64x32 (other numbers), kernel 32x32 (other "
        "numbers) and kernel 32x10 (other numbers)."
    )


def test_of_many_weights_three_are_named():
    deep = {f"kernel {i}x{i}": "1" for i in range(7)}
    assert sentences_on(a=NET, b=deep)[1].endswith("kernel 2x2 (none such there) and 4 more.")


def test_weights_are_the_same_only_where_they_are_on_every_seed():
    study = make_study()
    one, other = runs(study, "a", NET), runs(study, "b", NET)
    spoilt = replace(other[1].result, initial={**other[1].result.initial, "kernel 32x10": "z"})
    other[1] = replace(other[1], result=spoilt)
    assert describe_pairing(study, {"a": one, "b": other})[1].startswith("b shares 2 of its 3 initial weights with a")


def test_only_seeds_that_all_arms_have_are_compared():
    study = make_study()
    found = describe_pairing(study, {"a": runs(study, "a", NET, n=3), "b": runs(study, "b", NET, n=1)})
    assert found == [BATCHES, "Initial weights are the same in a and b."]


@pytest.mark.parametrize("arms", [{"a": {}, "b": {}}, {"a": NET, "b": {}}])
def test_old_records_have_no_sentence_on_weights(arms):
    assert sentences_on(**arms) == [BATCHES]


def test_batches_of_other_sizes_are_cut_from_the_same_order():
    study = make_study(("a", "b", "c"))
    of_arms = {
        arm: runs(study, arm, NET, batch_size=size) for arm, size in zip("abc", (32, 64, 32), strict=True)
    }  # fmt: skip
    assert describe_pairing(study, of_arms)[0] == (
        "Runs with the same seed share the split and the order of the rows, but batches differ in size: 32 in a and c; "
        "64 in b."
    )


def test_searches_of_one_arm_may_have_found_different_batch_sizes():
    study = make_study()
    mixed = [*runs(study, "a", NET, n=1, batch_size=32), *runs(study, "a", NET, n=1, batch_size=16)]
    found = describe_pairing(study, {"a": mixed, "b": runs(study, "b", NET, batch_size=16)})
    assert found[0].endswith("batches differ in size: 16 or 32 in a; 16 in b.")


def test_estimators_share_the_split_alone():
    study = make_study(("a", "b", "forest"))
    nets = {"a": runs(study, "a", NET), "b": runs(study, "b", NET)}
    forest = {"forest": runs(study, "forest", {}, estimator=True)}
    own = "What estimators draw from the seed, if anything, is their own: "
    assert describe_pairing(study, {**nets, **forest}) == [
        BATCHES,
        "Initial weights are the same in a and b.",
        own + "forest shares the split alone.",
    ]
    two = {"a": runs(study, "a", {}, estimator=True), **forest}
    assert describe_pairing(study, two) == [
        "Runs with the same seed share the split.",
        own + "a and forest share the split alone.",
    ]


def test_a_copy_has_seeds_of_its_own():
    study = make_study()
    copy = replace(study.arm("a"), name="a-copy", copy_of="a")
    study = replace(study, arms=[*study.arms, copy])
    of_arms = {arm.name: runs(study, arm.name, NET) for arm in study.arms}
    assert describe_pairing(study, of_arms) == [
        BATCHES,
        "Initial weights are the same in a and b.",
        "a-copy has other seeds than the arms: only the split is shared.",
    ]


@pytest.mark.parametrize("n", [0, 1])
def test_where_nothing_is_paired_nothing_is_sentences_on(n):
    study = make_study()
    assert describe_pairing(study, {"a": runs(study, "a", NET, n=n), "b": []}) == []
