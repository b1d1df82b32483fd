"""What gives results their meaning: what changes a definition, and what does not."""

import dataclasses
import json
from pathlib import Path

import pytest

from dlstudy.datasets import registry
from dlstudy.study import loader
from dlstudy.study.fingerprint import changes, code_digests, code_of, define, define_all
from dlstudy.study.own_modules import OwnModules
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve
from dlstudy.study.variant import Variant

NOWHERE = OwnModules(Path("/nowhere/study.py"))
"""Of a study file with nothing beside it."""

SOURCE = '''"""Is it so?"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Reported, Protocol, Split, Study

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
    protocol=Protocol(searches=1, epochs=3, trials=4, seeds=6, split=Split(0.1), reported_split=Split()),
    reported=[Reported("a", "test_accuracy", "0.9")],
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
        study = resolve(loader.load(path), Request(variant=variant or Variant()))
        return define(study, study.arm("a"), Phase(phase), code_of(study.file))

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
        ('reported=[Reported("a", "test_accuracy", "0.9")]', "reported=[]"),
        ('text="the other"', 'text="the old one"'),
        ('question="Is it so?"', 'question="Is it really so?"'),
        ("trials=4", "trials=40"),
        ("seeds=6", "seeds=60"),
        ('Arm("b", text="the other")', 'Arm("b", {"kind": "tree"})'),
    ],
)
@pytest.mark.parametrize("phase", ["reported", "search", "replicate"])
def test_what_may_grow_or_be_reworded_is_not_in_a_definition(definition_of, old, new, phase):
    assert changes(definition_of(phase=phase), definition_of(old, new, phase)) == []


@pytest.mark.parametrize(
    ("old", "new", "phrase"),
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
        ("epochs=3", 'metric="val_loss"', "metric is 'val_loss' and was 'val_accuracy'"),
        ("epochs=3", 'direction="minimize"', "direction is 'minimize' and was 'maximize'"),
        ('dataset="digits"', 'dataset="mnist"', "data is 'mnist e5ea4841"),
    ],
)
def test_what_results_rest_on_is_in_the_definition_of_a_search(definition_of, old, new, phrase):
    found = changes(definition_of(), definition_of(old, new))
    assert any(found_phrase.startswith(phrase) for found_phrase in found), found


@pytest.mark.parametrize("new", ["LAYERS.append(2 * WIDTH)", "LAYERS[0] = 2 * WIDTH"])
def test_changing_a_value_in_place_changes_the_definition(definition_of, new):
    assert changes(definition_of(), definition_of("LAYERS.append(WIDTH)", f"LAYERS.append(WIDTH)\n{new}")) != []


def test_the_checksum_of_the_data_is_in_a_definition(definition_of, monkeypatch):
    before = definition_of()
    other = dataclasses.replace(registry.describe("digits"), sha256="1" * 64)
    monkeypatch.setattr(registry, "describe", lambda name: other)
    assert changes(before, definition_of()) == [f"data is 'digits {'1' * 16}' and was {before['data']!r}"]


def test_the_reported_setting_and_split_are_in_the_reported_phase_alone(definition_of):
    changed = '{"rate": 0.5}', '{"rate": 0.6}'
    assert changes(definition_of(phase="reported"), definition_of(*changed, phase="reported")) == [
        "reported is {'rate': 0.6} and was {'rate': 0.5}"
    ]
    changed_split = "reported_split=Split()", "reported_split=Split(5)"
    assert len(changes(definition_of(phase="reported"), definition_of(*changed_split, phase="reported"))) == 1
    for phase in ("search", "replicate"):
        for old, new in (changed, changed_split):
            assert changes(definition_of(phase=phase), definition_of(old, new, phase=phase)) == []


def test_a_split_that_is_not_resampled_is_defined_as_in_earlier_versions(definition_of):
    found = definition_of()
    assert found["split"] == "Split(validation=0.1, test=None, random_state=None)"
    assert not {"resample", "groups"} & set(found)


def test_how_a_split_is_resampled_is_in_the_definition(definition_of):
    folds, groups = "Split(0.1, 0.2, 1, 'folds')", "Split(0.1, 0.2, 1, 'groups', 'equal rows')"
    assert definition_of("Split(0.1)", folds)["resample"] == "folds, one for each search"
    assert "resample" not in definition_of("Split(0.1)", folds, "reported")  # which has a split of its own
    assert definition_of("Split(0.1)", groups)["groups"] == "equal rows"


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ("Split('stated')", "Split(validation='stated', test=None, random_state=None)"),
        ("Split(0.1, last=0.2)", "Split(validation=0.1, test=None, random_state=None, last=0.2)"),
        (
            "Split(0.1, 0.2, 1, stratify=True)",
            "Split(validation=0.1, test=0.2, random_state=1, stratify=True)",
        ),
        (
            "Split(0.1, 0.2, 1, groups='equal rows')",
            "Split(validation=0.1, test=0.2, random_state=1, groups='equal rows')",
        ),
        (
            "Split(0.1, 0.2, 1, 'folds', stratify=True)",
            "Split(validation=0.1, test=0.2, random_state=1, stratify=True)",
        ),
    ],
)
def test_what_a_split_divides_by_is_in_the_definition(definition_of, monkeypatch, changed, shown):
    digits = registry.describe("digits")
    monkeypatch.setattr(registry, "describe", lambda name: dataclasses.replace(digits, n_validation=100))
    monkeypatch.setattr(registry, "state", lambda name: "not here")
    before, after = definition_of(), definition_of("Split(0.1)", changed)
    assert after["split"] == shown
    assert f"split is {shown!r} and was {before['split']!r}" in changes(before, after)
    assert definition_of("Split(0.1)", "Split(0.1, 0.2, 1, 'folds', 'equal rows')")["groups"] == "equal rows"


def test_the_space_and_the_sampler_are_in_the_search_alone(definition_of):
    changed = "FloatDistribution(0.1, 1.0)", "FloatDistribution(0.1, 2.0)"
    random = Variant(sampler="random", pruner="median")
    assert changes(definition_of(), definition_of(variant=random)) == [
        "pruner is 'median' and was 'none'",
        "sampler is 'random' and was 'sobol'",
    ]
    for phase in ("reported", "replicate"):
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


def digests_of(source, start, folder=None):
    return code_digests(source, [start], OwnModules(folder / "study.py") if folder else NOWHERE)


def test_digests_follow_names_from_the_start_and_stop_there():
    source = "import math\nA = 1\nB = A\nC = 2\ndef one(): return two() + math.pi\ndef two(): return B, one"
    assert set(digests_of(source, "one")) == {"one", "two", "math", "A", "B"}
    assert set(digests_of(source, "C")) == {"C"}


def test_every_statement_that_binds_a_name_counts():
    once, twice = digests_of("A = 1", "A"), digests_of("A = 1\nA = A + 1", "A")
    assert once["A"] != twice["A"]
    assert set(digests_of("X, (Y, *Z) = 1, (2, 3)\nif X:\n    W = Y\ndef f(): return W, Z", "f")) == {"f", *"WXYZ"}


def test_without_a_named_build_the_study_itself_is_digested():
    source = "D = 2\nSTUDY = Study(build=lambda p: D)"
    assert set(digests_of(source, "<lambda>")) == {"STUDY", "D"}


def test_a_helper_defined_under_a_condition_counts():
    source = "if True:\n    def helper(): return {}\ndef build(p): return helper()"
    assert digests_of(source.format(1), "build") != digests_of(source.format(2), "build")


def test_a_build_without_a_name_has_a_definition(definition_of):
    assert definition_of("build=build,", "build=__import__('functools').partial(build),")["code"]


def test_a_module_imported_by_an_imported_module_counts(tmp_path):
    write = (tmp_path / "my_sizes.py").write_text
    (tmp_path / "my_layers.py").write_text("from my_sizes import WIDTH\ndef hidden(): return WIDTH")
    source = "from my_layers import hidden\ndef build(p): return hidden()"
    write("WIDTH = 64")
    before = digests_of(source, "build", tmp_path)
    assert set(before) == {"build", "hidden", "my_layers.py", "my_sizes.py"}
    write('"""Sizes."""\n\nWIDTH = (64)  # as in the course\n')
    assert digests_of(source, "build", tmp_path) == before
    write("WIDTH = 160")
    assert changes({"code": before}, {"code": digests_of(source, "build", tmp_path)}) == [
        "the code of my_sizes.py changed"
    ]


def test_an_edit_two_imports_away_changes_the_definition_of_a_study(definition_of, tmp_path):
    (tmp_path / "my_layers.py").write_text("from my_sizes import WIDTH")
    (tmp_path / "my_sizes.py").write_text("WIDTH = 64")
    imported = "WIDTH = 128", "from my_layers import WIDTH"
    before = definition_of(*imported)
    (tmp_path / "my_sizes.py").write_text("WIDTH = 160")
    assert changes(before, definition_of(*imported)) == ["the code of my_sizes.py changed"]


@pytest.mark.parametrize("source", ["from helper import *", "if True:\n    from helper import *"])
def test_a_module_from_which_all_names_are_imported_counts(tmp_path, source):
    (tmp_path / "helper.py").write_text("def build(p): return 1")
    before = digests_of(f"{source}\nSTUDY = build", "build", tmp_path)
    assert set(before) == {"STUDY", "helper.py"}
    (tmp_path / "helper.py").write_text("def build(p): return 2")
    assert digests_of(f"{source}\nSTUDY = build", "build", tmp_path)["helper.py"] != before["helper.py"]


def test_a_module_that_cannot_be_parsed_counts_as_it_is(tmp_path):
    source = "import helper\ndef build(p): return helper"
    digests = []
    for text in ("def (:", "def ():", f"x = {'(' * 2_000}1{')' * 2_000}"):
        (tmp_path / "helper.py").write_text(text)
        digests.append(digests_of(source, "build", tmp_path)["helper.py"])
    assert len(set(digests)) == 3


def test_a_module_beside_the_study_counts_where_build_needs_it(tmp_path):
    source = "from helper import WIDTH\nimport other\ndef build(p): return WIDTH"
    (tmp_path / "helper.py").write_text("WIDTH = 64")
    (tmp_path / "other.py").write_text("X = 1")
    before = digests_of(source, "build", tmp_path)
    (tmp_path / "other.py").write_text("X = 2")
    assert digests_of(source, "build", tmp_path) == before
    (tmp_path / "helper.py").write_text("WIDTH = 8")
    assert digests_of(source, "build", tmp_path) != before


STEERED = SOURCE.replace("from dlstudy import Arm", "from dlstudy import Sweep, Arm").replace(
    "STUDY = ",
    """RANGE = 9


def prepare(x, y, train, p): return x / RANGE, y
def callbacks(p): return [1]
def continue_training(model, p): return None
def extra_metrics(model, x, y, p): return {"norm": 1}
def draw(model, x, y, p): return {"title": 1}


STUDY = """,
).replace(
    "build=build,",
    """build=build,
    sweeps=[Sweep("s", {"rate": [0.1, 0.2]}, seeds=6)],
    prepare=prepare,
    callbacks=callbacks,
    continue_training=continue_training,
    extra_metrics=extra_metrics,
    figures=draw,""",
).replace(
    '{"kind": "net"}, SPACE, {"rate": 0.5})',
    '{"kind": "net", "more_epochs": 2}, SPACE, {"rate": 0.5}, {"rate": 0.7}, reported_split=Split(7))',
)  # fmt: skip


def steered(folder, old="", new="", variant=None):
    assert old in STEERED
    path = folder / "steered.py"
    path.write_text(STEERED.replace(old, new, 1) if old else STEERED)
    return resolve(loader.load(path), Request(variant=variant or Variant()))


@pytest.fixture
def all_of(tmp_path: Path):
    """A function that gives the definitions of all parts of a study with every function, a piece of it replaced."""

    def all_of(old="", new=""):
        study = steered(tmp_path, old, new)
        found = define_all(study, study.arms)
        return {(name.phase, name.arm, name.search): definition for name, definition in found.items()}

    return all_of


@pytest.mark.parametrize(
    ("old", "new", "phrase"),
    [
        ("x / RANGE", "x * RANGE", "prepare"),
        ("RANGE = 9", "RANGE = 8", "RANGE"),
        ("return [1]", "return [2]", "callbacks"),
        ("return None", "return model, []", "continue_training"),
        ('{"norm": 1}', '{"norm": 2}', "extra_metrics"),
    ],
)
def test_the_code_of_what_steers_a_training_counts_in_every_phase(all_of, old, new, phrase):
    before, after = all_of(), all_of(old, new)
    assert {tuple(changes(before[part], after[part])) for part in before} == {(f"the code of {phrase} changed",)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"title": 1}', '{"title": 2}'),
        ("figures=draw,", ""),
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


def test_an_arm_s_own_reported_split_is_in_its_reported_phase_alone(all_of):
    before, after = all_of(), all_of("reported_split=Split(7)", "reported_split=Split(8)")
    assert [part for part in before if before[part] != after[part]] == [("reported", "a", 1)]
    assert "Split(validation=7, " in before["reported", "a", 1]["split"]


def test_only_parts_that_have_something_to_train_are_defined(all_of):
    assert list(all_of()) == [
        ("reported", "a", 1), ("defaults", "a", 1), ("search", "a", 1), ("search", "b", 1), ("replicate", "a", 1),
        ("replicate", "b", 1), ("sweep", "a", 1), ("sweep", "b", 1),
    ]  # fmt: skip
    assert {phase for phase, _, _ in all_of()} == set(Phase)


def test_searches_replicates_and_defaults_are_repeated_under_names_with_a_number(tmp_path):
    study = steered(tmp_path, "searches=1", "searches=3", Variant(generation=2))
    found = define_all(study, [study.arm("a")])
    parts = [(name.phase, name.arm, name.search) for name in found]
    assert {part: str(name) for part, name in zip(parts, found, strict=True) if part[0] in ("reported", "search")} == {
        ("reported", "a", 1): "steered/default~2/a/reported",
        ("search", "a", 1): "steered/default~2/a/search",
        ("search", "a", 2): "steered/default~2/a/search.2",
        ("search", "a", 3): "steered/default~2/a/search.3",
    }
    assert {phase: [k for name, _, k in parts if name == phase] for phase in Phase} == {
        "reported": [1], "defaults": [1, 2, 3], "search": [1, 2, 3], "replicate": [1, 2, 3], "sweep": [1],
    }  # fmt: skip


def test_how_many_searches_there_are_is_in_no_definition(all_of):
    before, after = all_of(), all_of("searches=1", "searches=3")
    assert len(after) == len(before) + 2 * (1 + 2 + 2)  # defaults of a, search and replicates of both
    assert all(definition == before[phase, arm, 1] for (phase, arm, _), definition in after.items())


def test_stated_test_rows_are_in_a_definition_and_survive_json(definition_of):
    changed = definition_of("Split(0.1)", "Split(0.1, test=[3, 1])")
    assert changes(json.loads(json.dumps(changed)), changed) == []
    assert changes(changed, definition_of("Split(0.1)", "Split(0.1, test=[3, 2])")) == [
        "split is 'Split(validation=0.1, test=(3, 2), random_state=None)' and was "
        "'Split(validation=0.1, test=(3, 1), random_state=None)'"
    ]


def test_a_name_that_is_local_to_a_function_or_a_comprehension_is_not_the_module_s():
    source = "LIST = [v for v in (1, 2)]\nother = 3\ndef build(p):\n    v = 1\n    other = v\n    return other"
    assert set(digests_of(source, "build")) == {"build"}
    source += "\ndef two(p):\n    return [other for _ in LIST]"
    assert set(digests_of(source, "two")) == {"two", "LIST", "other"}


METRICS = """
def own(y_true, y_pred):
    return helper(y_pred.mean())


WANTED = make_scorer(own, response_method="predict_proba")
"""


@pytest.mark.parametrize(
    ("metrics", "old", "new", "phrases"),
    [
        ('{"f1": "f1_macro"}', '"f1_macro"', '"f1_micro"', ["the code of Study.metrics changed"]),
        ('{"f1": "f1_macro"}', '"f1_macro"', "('f1_macro')", []),
        ('{"f1": "f1_macro"}', "trials=4", "trials=40", []),
        ('{"f1": lambda t, p: 1}', "lambda t, p: 1", "lambda t, p: 2", ["the code of Study.metrics changed"]),
        ('{"f1": f1_score}', "trials=4", "trials=40", []),
        ('{"f1": make_scorer(f1_score, pos_label=0)}', "=0)", "=1)", ["the code of Study.metrics changed"]),
        ('{"own": own}', "y_pred.mean()", "y_pred.max()", ["the code of own changed"]),
        ('{"own": own}', "return 2 * x", "return 3 * x", ["the code of helper changed"]),
        ('{"own": WANTED}', "y_pred.mean()", "y_pred.max()", ["the code of own changed"]),
        ('{"own": WANTED}', '"predict_proba"', '"predict"', ["the code of WANTED changed"]),
        ('{"own": WANTED}', "seeds=6", "seeds=60", []),
    ],
)
def test_own_metrics_count_as_they_are_stated_with_the_code_that_they_use(tmp_path, metrics, old, new, phrases):
    source = SOURCE.replace("class Scale:", f"{METRICS}\n\nclass Scale:").replace(
        "from optuna", "from sklearn.metrics import f1_score, make_scorer\nfrom optuna"
    )
    source = source.replace("build=build,", f"build=build,\n    metrics={metrics},")
    assert old in source

    def definition(text):
        (tmp_path / "study.py").write_text(text)
        study = resolve(loader.load(tmp_path / "study.py"), Request())
        return define(study, study.arm("a"), Phase.SEARCH, code_of(study.file))

    assert changes(definition(source), definition(source.replace(old, new, 1))) == phrases
    assert {"Study.metrics", "build"} <= definition(source)["code"].keys()


def test_metrics_that_stand_elsewhere_count_with_the_whole_study(tmp_path):
    source = SOURCE.replace("STUDY = Study(", "MORE = dict(metrics={'f1': 'f1_macro'})\nSTUDY = Study(**MORE,")
    (tmp_path / "study.py").write_text(source)
    assert {"STUDY", "MORE"} <= code_of(loader.load(tmp_path / "study.py")).keys()
