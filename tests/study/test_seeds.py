"""Seeds: the same for every arm, whatever happened before."""

import hashlib

import pytest

from dlstudy.study.phases import Phase
from dlstudy.study.seeds import number_of, seed_of, stream_of
from dlstudy.study.study import Arm


def test_number_is_the_upper_31_bits_of_sha256_of_the_words():
    digest = hashlib.sha256(b"s|search|3").hexdigest()
    assert number_of("s", "search", 3) == int(digest[:8], 16) // 2


def test_seeds_differ_by_study_phase_and_index():
    seeds = {seed_of(study, phase, index) for study in ("s", "t") for phase in Phase for index in range(50)}
    assert len(seeds) == 2 * (len(Phase) - 1) * 50
    assert seed_of("s", Phase.DEFAULTS, 3) == seed_of("s", Phase.REPLICATE, 3), (
        "what tuning gains is a paired difference"
    )
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_seeds_are_the_same_for_every_arm_and_every_time():
    assert [seed_of("s", Phase.REPLICATE, index) for index in range(2)] == [
        number_of("s", "replicate", 0),
        number_of("s", "replicate", 1),
    ]
    assert "arm" not in seed_of.__annotations__


def test_a_first_search_has_no_stream_and_so_the_seeds_it_always_had():
    assert stream_of(Arm("a"), 1) == ()
    assert seed_of("s", Phase.SEARCH, 3, ()) == number_of("s", "search", 3)
    assert seed_of("s", Phase.SEARCH, 3, ("search 2",)) == number_of("s", "search", 3, "search 2")


def test_further_searches_share_a_stream_over_arms_and_a_copy_shares_none():
    copy = Arm("c", copy_of="a")
    assert stream_of(Arm("a"), 2) == stream_of(Arm("b"), 2)
    streams = [stream_of(arm, search) for arm in (Arm("a"), copy, Arm("d", copy_of="b")) for search in (1, 2, 3)]
    seeds = {
        seed_of("s", phase, index, stream)
        for phase in (Phase.SEARCH, Phase.REPLICATE)
        for index in (0, 1)
        for stream in streams
    }
    assert len(seeds) == 2 * 2 * 9
    for stream in streams:
        assert seed_of("s", Phase.DEFAULTS, 1, stream) == seed_of("s", Phase.REPLICATE, 1, stream)


def test_a_replication_draws_every_seed_anew_and_the_first_has_those_it_always_had():
    arms = (Arm("a"), Arm("a-copy", copy_of="a"), Arm("a-copy-2", copy_of="a-copy"))
    streams = [stream_of(arm, search, replication) for arm in arms for search in (1, 2) for replication in (1, 2, 3)]
    seeds = {seed_of("s", Phase.SWEEP, index, stream) for index in range(20) for stream in streams}
    assert len(seeds) == 20 * 3 * 2 * 3
    assert stream_of(Arm("a"), 2, 1) == stream_of(Arm("a"), 2)
    assert stream_of(Arm("a"), 1, 2) == stream_of(Arm("b"), 1, 2)  # arms stay paired


@pytest.mark.parametrize(
    ("phase", "index", "stream", "seed"),
    [
        (Phase.REPORTED, 0, (), number_of("s", "printed", 0)),
        (Phase.SWEEP, 2, (), number_of("s", "sweep", 2)),
        (
            Phase.REPLICATE,
            1,
            stream_of(Arm("c", copy_of="a"), 2),
            number_of("s", "replicate", 1, "search 2", "control of a"),
        ),
    ],
)
def test_seeds_are_hashed_from_the_words_of_version_1_so_that_numbers_stay(phase, index, stream, seed):
    assert seed_of("s", phase, index, stream) == seed
