"""What gives results their meaning: what changes a definition, and what does not."""

import dataclasses
import json
from pathlib import Path

import pytest

from dlstudy.datasets import registry
from dlstudy.study import loader
from dlstudy.study.fingerprint import changes, code_digests, code_of, define, define_all
from dlstudy.study.study import PHASES
from dlstudy.study.variant import Variant

SOURCE = '''"""Is it so?"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Printed, Protocol, Split, Study

SPACE = {"rate": FloatDistribution(0.1, 1.0)}
WIDTH = 128
LAYERS = []
LAYERS.append(WIDTH)
UNUSED = 1


def helper(x):
    """Doubles."""
    return 2 * x


class Scale:
    factor = 3


def build(p):
    """Builds."""
    return helper(WIDTH), LAYERS, Scale


STUDY = Study(
    question="Is it so?",
    dataset="digits",
    build=build,
    arms=[Arm("a", {"kind": "net"}, SPACE, {"rate": 0.5}), Arm("b", text="the other")],
    protocol=Protocol(epochs=3, trials=4, seeds=6, split=Split(0.1), printed_split=Split()),
    printed=[Printed("a", "test_accuracy", "0.9")],
    claims=[Claim("a is better", better="a", than="b", metric="test_accuracy")],
)
'''


@pytest.fixture
def definition_of(tmp_path: Path):
    """A function that gives the definition of arm a in a study file's text, with one piece of it replaced."""

    def definition_of(old="", new="", phase="search", variant=None):
        assert old in SOURCE
        path = tmp_path / "study.py"
        path.write_text(SOURCE.replace(old, new, 1) if old else SOURCE)
        file = loader.load(path)
        study = file.study
        return define(study, variant or Variant(), study.arm("a"), phase, code_of(file, study))

    return definition_of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Builds."""', '"""Builds a model."""'),
        ('    """Doubles."""\n', ""),
        ('"""Is it so?"""', '"""Is it not?"""'),
        ("WIDTH = 128", "WIDTH = (128)  # as in the course\n\n"),
        ("return helper(WIDTH), LAYERS, Scale", "# why\n    return (helper(WIDTH),\n        LAYERS, Scale)"),
        ("UNUSED = 1", "UNUSED = 2"),
        ('Claim("a is better"', 'Claim("a is much better"'),
        ('printed=[Printed("a", "test_accuracy", "0.9")]', "printed=[]"),
        ('text="the other"', 'text="the old one"'),
        ('question="Is it so?"', 'question="Is it really so?"'),
        ("trials=4", "trials=40"),
        ("seeds=6", "seeds=60"),
        ('Arm("b", text="the other")', 'Arm("b", {"kind": "tree"})'),
    ],
)
@pytest.mark.parametrize("phase", ["printed", "search", "replicate"])
def test_what_may_grow_or_be_reworded_is_not_in_a_definition(definition_of, old, new, phase):
    assert changes(definition_of(phase=phase), definition_of(old, new, phase)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return helper(WIDTH)", "return helper(2 * WIDTH)", "the code of build changed"),
        ("WIDTH = 128", "WIDTH = 129", "the code of WIDTH changed"),
        ("return 2 * x", "return 3 * x", "the code of helper changed"),
        ("factor = 3", "factor = 4", "the code of Scale changed"),
        ("LAYERS = []", "LAYERS = [1]", "the code of LAYERS changed"),
        ("LAYERS = []", "LAYERS = []\nLAYERS += [2]", "the code of LAYERS changed"),
        ("epochs=3", "epochs=4", "epochs is 4 and was 3"),
        ("epochs=3", "batch_size=64", "batch_size is 64 and was 32"),
        ("epochs=3", "rows=500", "rows is 500 and was None"),
        ("Split(0.1)", "Split(0.2)", "split is 'Split(validation=0.2, "),
        ('"kind": "net"', '"kind": "deep"', "setting is {'kind': 'deep'} and was {'kind': 'net'}"),
        ("FloatDistribution(0.1, 1.0)", "FloatDistribution(0.1, 2.0)", "space is {'rate': "),
        ("epochs=3", 'metric="val_loss"', "metric is 'maximize val_loss' and was 'maximize val_accuracy'"),
        ("epochs=3", 'direction="minimize"', "metric is 'minimize val_accuracy' and was 'maximize val_accuracy'"),
        ('dataset="digits"', 'dataset="mnist"', "data is 'mnist e5ea4841"),
    ],
)
def test_what_results_rest_on_is_in_the_definition_of_a_search(definition_of, old, new, said):
    found = changes(definition_of(), definition_of(old, new))
    assert any(phrase.startswith(said) for phrase in found), found


@pytest.mark.parametrize("new", ["LAYERS.append(2 * WIDTH)", "LAYERS[0] = 2 * WIDTH"])
def test_changing_a_value_in_place_changes_the_definition(definition_of, new):
    assert changes(definition_of(), definition_of("LAYERS.append(WIDTH)", f"LAYERS.append(WIDTH)\n{new}")) != []


def test_the_checksum_of_the_data_is_in_a_definition(definition_of, monkeypatch):
    before = definition_of()
    other = dataclasses.replace(registry.describe("digits"), sha256="1" * 64)
    monkeypatch.setattr(registry, "describe", lambda name: other)
    assert changes(before, definition_of()) == [f"data is 'digits {'1' * 16}' and was {before['data']!r}"]


def test_the_printed_setting_and_split_are_in_the_printed_phase_alone(definition_of):
    changed = '{"rate": 0.5}', '{"rate": 0.6}'
    assert changes(definition_of(phase="printed"), definition_of(*changed, phase="printed")) == [
        "printed is {'rate': 0.6} and was {'rate': 0.5}"
    ]
    changed_split = "printed_split=Split()", "printed_split=Split(5)"
    assert len(changes(definition_of(phase="printed"), definition_of(*changed_split, phase="printed"))) == 1
    for phase in ("search", "replicate"):
        for old, new in (changed, changed_split):
            assert changes(definition_of(phase=phase), definition_of(old, new, phase=phase)) == []


def test_the_space_and_the_sampler_are_in_the_search_alone(definition_of):
    changed = "FloatDistribution(0.1, 1.0)", "FloatDistribution(0.1, 2.0)"
    random = Variant(sampler="random", pruner="median")
    assert changes(definition_of(), definition_of(variant=random)) == [
        "search is 'random, pruner median' and was 'sobol, pruner none'"
    ]
    for phase in ("printed", "replicate"):
        assert changes(definition_of(phase=phase), definition_of(*changed, phase=phase, variant=random)) == []


def test_a_definition_is_the_same_after_json(definition_of):
    definition = definition_of()
    assert changes(json.loads(json.dumps(definition)), definition) == []


def test_code_that_came_and_went_is_named():
    old = {"code": {"build": "1", "helper": "2"}, "rows": 3}
    new = {"code": {"build": "1", "other": "2"}, "epochs": 3}
    assert changes(old, new) == [
        "epochs is 3 and was None",
        "rows is None and was 3",
        "the code of helper changed",
        "the code of other changed",
    ]


def test_digests_follow_names_from_the_start_and_stop_there():
    source = "import math\nA = 1\nB = A\nC = 2\ndef one(): return two() + math.pi\ndef two(): return B, one"
    assert set(code_digests(source, "one")) == {"one", "two", "math", "A", "B"}
    assert set(code_digests(source, "C")) == {"C"}


def test_every_statement_that_binds_a_name_counts():
    once, twice = code_digests("A = 1", "A"), code_digests("A = 1\nA = A + 1", "A")
    assert once["A"] != twice["A"]
    assert set(code_digests("X, (Y, *Z) = 1, (2, 3)\nif X:\n    W = Y\ndef f(): return W, Z", "f")) == {"f", *"WXYZ"}


def test_without_a_named_build_the_study_itself_is_digested():
    source = "D = 2\nSTUDY = Study(build=lambda p: D)"
    assert set(code_digests(source, "<lambda>")) == {"STUDY", "D"}


def test_a_helper_defined_under_a_condition_counts():
    source = "if True:\n    def helper(): return {}\ndef build(p): return helper()"
    assert code_digests(source.format(1), "build") != code_digests(source.format(2), "build")


def test_a_build_without_a_name_has_a_definition(definition_of):
    assert definition_of("build=build,", "build=__import__('functools').partial(build),")["code"]


def test_a_module_beside_the_study_counts_where_build_needs_it(tmp_path):
    source = "from helper import WIDTH\nimport other\ndef build(p): return WIDTH"
    (tmp_path / "helper.py").write_text("WIDTH = 64")
    (tmp_path / "other.py").write_text("X = 1")
    before = code_digests(source, "build", tmp_path)
    (tmp_path / "other.py").write_text("X = 2")
    assert code_digests(source, "build", tmp_path) == before
    (tmp_path / "helper.py").write_text("WIDTH = 8")
    assert code_digests(source, "build", tmp_path) != before


STEERED = SOURCE.replace("from dlstudy import Arm", "from dlstudy import Sweep, Arm").replace(
    "STUDY = ",
    """RANGE = 9


def prepare(x, y, train, p): return x / RANGE, y
def callbacks(p): return [1]
def go_on(model, p): return None
def probe(model, x, y, p): return {"norm": 1}
def draw(model, x, y, p): return {"title": 1}


STUDY = """,
).replace(
    "build=build,",
    """build=build,
    sweeps=[Sweep("s", {"rate": [0.1, 0.2]}, seeds=6)],
    prepare=prepare,
    callbacks=callbacks,
    go_on=go_on,
    probe=probe,
    draw=draw,""",
).replace('{"rate": 0.5})', '{"rate": 0.5}, {"rate": 0.7}, printed_split=Split(7))')  # fmt: skip


def steered_file(folder, old="", new=""):
    assert old in STEERED
    path = folder / "steered.py"
    path.write_text(STEERED.replace(old, new, 1) if old else STEERED)
    return loader.load(path)


@pytest.fixture
def all_of(tmp_path: Path):
    """A function that gives the definitions of all parts of a study with every function, a piece of it replaced."""

    def all_of(old="", new=""):
        file = steered_file(tmp_path, old, new)
        found = define_all(file, file.study, Variant(), "default", ["a", "b"])
        return {part: definition for part, (_, definition) in found.items()}

    return all_of


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("x / RANGE", "x * RANGE", "prepare"),
        ("RANGE = 9", "RANGE = 8", "RANGE"),
        ("return [1]", "return [2]", "callbacks"),
        ("return None", "return model, []", "go_on"),
        ('{"norm": 1}', '{"norm": 2}', "probe"),
    ],
)
def test_the_code_of_what_steers_a_training_counts_in_every_phase(all_of, old, new, said):
    before, after = all_of(), all_of(old, new)
    assert {tuple(changes(before[part], after[part])) for part in before} == {(f"the code of {said} changed",)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"title": 1}', '{"title": 2}'),
        ("draw=draw,", ""),
        ('{"rate": [0.1, 0.2]}', '{"rate": [0.1, 0.2, 0.3], "epochs": [1, 2]}'),
        ("seeds=6)],", "seeds=60)],"),
        ("claims=[", 'remarks=["x"], claims=[Claim("b", untestable="no arm"), '),
        ('metric="test_accuracy")]', 'metric="test_accuracy", phase="sweep", sweep="s")]'),
    ],
)
def test_pictures_claims_and_more_of_a_sweep_are_in_no_definition(all_of, old, new):
    before, after = all_of(), all_of(old, new)
    assert before == after


def test_the_defaults_are_in_their_own_phase_alone(all_of):
    before, after = all_of(), all_of('{"rate": 0.7}', '{"rate": 0.8}')
    changed = {part: changes(before[part], after[part]) for part in before if before[part] != after[part]}
    assert changed == {("defaults", "a", 1): ["defaults is {'rate': 0.8} and was {'rate': 0.7}"]}


def test_an_arm_s_own_printed_split_is_in_its_printed_phase_alone(all_of):
    before, after = all_of(), all_of("printed_split=Split(7)", "printed_split=Split(8)")
    assert [part for part in before if before[part] != after[part]] == [("printed", "a", 1)]
    assert "Split(validation=7, " in before["printed", "a", 1]["split"]


def test_only_parts_that_have_something_to_train_are_defined(all_of):
    assert list(all_of()) == [
        ("printed", "a", 1), ("defaults", "a", 1), ("search", "a", 1), ("search", "b", 1), ("replicate", "a", 1),
        ("replicate", "b", 1), ("sweep", "a", 1), ("sweep", "b", 1),
    ]  # fmt: skip
    assert {phase for phase, _, _ in all_of()} == set(PHASES)


def test_searches_replicates_and_defaults_are_repeated_under_names_with_a_number(tmp_path):
    file = steered_file(tmp_path, "trials=4", "trials=4, searches=3")
    found = define_all(file, file.study, Variant(), "default~2", ["a"])
    assert {part: name for part, (name, _) in found.items() if part[0] in ("printed", "search")} == {
        ("printed", "a", 1): "steered/default~2/a/printed",
        ("search", "a", 1): "steered/default~2/a/search",
        ("search", "a", 2): "steered/default~2/a/search.2",
        ("search", "a", 3): "steered/default~2/a/search.3",
    }
    assert {phase: [k for name, _, k in found if name == phase] for phase in PHASES} == {
        "printed": [1], "defaults": [1, 2, 3], "search": [1, 2, 3], "replicate": [1, 2, 3], "sweep": [1],
    }  # fmt: skip


def test_how_many_searches_there_are_is_in_no_definition(all_of):
    before, after = all_of(), all_of("trials=4", "trials=4, searches=3")
    assert len(after) == len(before) + 2 * (1 + 2 + 2)  # defaults of a, search and replicates of both
    assert all(definition == before[phase, arm, 1] for (phase, arm, _), definition in after.items())


def test_stated_test_rows_are_in_a_definition_and_stand_json(definition_of):
    changed = definition_of("Split(0.1)", "Split(0.1, test=[3, 1])")
    assert changes(json.loads(json.dumps(changed)), changed) == []
    assert changes(changed, definition_of("Split(0.1)", "Split(0.1, test=[3, 2])")) == [
        "split is 'Split(validation=0.1, test=(3, 2), random_state=None)' and was "
        "'Split(validation=0.1, test=(3, 1), random_state=None)'"
    ]


def test_a_name_that_is_local_to_a_function_or_a_comprehension_is_not_the_module_s():
    source = "LIST = [v for v in (1, 2)]\nother = 3\ndef build(p):\n    v = 1\n    other = v\n    return other"
    assert set(code_digests(source, "build")) == {"build"}
    source += "\ndef two(p):\n    return [other for _ in LIST]"
    assert set(code_digests(source, "two")) == {"two", "LIST", "other"}
