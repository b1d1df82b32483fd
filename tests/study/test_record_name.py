"""The name of one arm in one phase of one search of a variant."""

from itertools import product

import pytest

from dlstudy.errors import RecordError
from dlstudy.study.phases import Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.variant import Variant

VARIANTS = [Variant(), Variant(quick=True, dataset="digits", pruner="median", generation=12), Variant(aa_test=True)]
NAMES = [RecordName("my.study", *part) for part in product(VARIANTS, ("a", "A-1.5_b"), Phase, (1, 2, 10, 99))]


def test_a_name_is_found_again_by_its_text():
    assert [RecordName.parse(str(name)) for name in NAMES] == NAMES
    assert len({str(name) for name in NAMES}) == len(set(NAMES)) == len(NAMES)


def test_a_name_says_study_variant_arm_and_phase_and_the_search_after_the_first():
    assert str(RecordName("s", Variant(), "a", Phase.SEARCH)) == "s/default/a/search"
    assert str(RecordName("s", Variant(generation=2), "a", Phase.REPLICATE, 3)) == "s/default~2/a/replicate.3"


def test_names_of_version_1_are_read():
    assert RecordName.parse("s/default/a/printed") == RecordName("s", Variant(), "a", Phase.REPORTED)
    aa_test = Variant(quick=True, aa_test=True, generation=2)
    assert RecordName.parse("s/quick+control~2/a/search.2") == RecordName("s", aa_test, "a", Phase.SEARCH, 2)


def test_the_copy_of_an_arm_has_its_present_name_where_version_1_called_it_a_control():
    assert RecordName.parse("s/control/a-control/search").arm == "a-copy"
    assert RecordName.parse("s/default/a-control/search").arm == "a-control"
    assert RecordName.parse("s/aa-test/a-control/search").arm == "a-control"


@pytest.mark.parametrize(
    "text",
    [
        "", "s", "s/default/a", "s/default/a/search/1", "/default/a/search", "s//a/search", "s/default//search",
        "s/default/a/", "s/default/a/test", "s/default/a/Search", "s/default/a/search.", "s/default/a/search.0",
        "s/default/a/search.1", "s/default/a/search.02", "s/default/a/search.-2", "s/default/a/search.2.3",
        "s/default/a/search.²", "s/default/a/search 2", "s/slow/a/search", "s/default~1/a/search",
        "s/default/a/search\n", "no study of dlstudy",
    ],
)  # fmt: skip
def test_a_text_that_names_no_part_is_refused(text):
    with pytest.raises(RecordError, match=r"a name in the record is STUDY/VARIANT/ARM/PHASE, got '"):
        RecordName.parse(text)
