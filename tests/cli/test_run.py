"""`dlstudy run`, of one study and of all: every study gets its turn, whatever becomes of the others."""

import json

import pytest

from dlstudy.analysis.reading import summary_of
from dlstudy.api import runs
from dlstudy.api.terminal import Detail
from dlstudy.cli import run
from dlstudy.cli.app import main
from dlstudy.datasets import registry
from dlstudy.errors import DataError, StudyError, UsageError
from dlstudy.runner.backend import Backend
from dlstudy.runner.session import Outcome
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from tests.helpers import fake_runs

STUDY = '''"""A study of scikit-learn's alone."""
from dlstudy import Arm, Protocol, Split, Study


def build(p):
    from sklearn.tree import DecisionTreeClassifier

    if p["depth"] == 0:
        raise RuntimeError("no such tree")
    return DecisionTreeClassifier(max_depth=p["depth"])


STUDY = Study(
    question="How deep?",
    dataset="digits",
    build=build,
    arms=[Arm("tree", {"depth": 3})],
    protocol=Protocol(searches=1, seeds=1, split=Split(validation=0.25)),
)
'''
FAILS = STUDY.replace('"depth": 3', '"depth": -1')  # scikit-learn refuses that when it trains
CANNOT_BE_BUILT = STUDY.replace('"depth": 3', '"depth": 0')
ELSEWHERE = STUDY.replace('dataset="digits",', 'dataset="mnist",\n    other_datasets=["fashion_mnist", "digits"],')
NOWHERE = STUDY.replace('dataset="digits",', 'dataset="mnist",\n    other_datasets=["fashion_mnist"],')


@pytest.fixture(autouse=True)
def _only_digits(monkeypatch):
    """No data set but `digits` is available."""
    ensure = registry.ensure

    def ensured(name, report=None):
        if name != "digits":
            raise DataError(f"{name} is not available: no network\nhttps: refused")
        return ensure(name, report)

    monkeypatch.setattr(registry, "ensure", ensured)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """One home for all: to make a new store takes MLflow seconds."""
    return Backend(Home.at(tmp_path_factory.mktemp("my runs")), engine="inline")


@pytest.fixture
def run_all(tmp_path, backend, monkeypatch, capsys):
    """Runs these studies; gives the exit code, standard output and standard error."""

    def run_all(json=False, request=None, **sources):
        folder = tmp_path / "studies"
        folder.mkdir(exist_ok=True)
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(source)
        found = {path.stem: path for path in sorted(folder.glob("*.py"), reverse=True)}
        monkeypatch.setattr(loader, "paths", lambda made=None: found)
        code = run.run_studies(None, True, request or Request(), backend, json)
        return code, *capsys.readouterr()

    return run_all


@pytest.mark.slow
def test_every_study_is_run_and_a_failed_one_stops_no_other(run_all):
    code, out, err = run_all(json=True, b_fails=FAILS, a_good=STUDY, c_broken="STUDY = 1", d_good=STUDY)
    assert code == 1
    rows = {row["study"]: row for row in json.loads(out)}
    assert list(rows) == ["a_good", "b_fails", "c_broken", "d_good"]
    for name in ("a_good", "d_good"):
        assert (rows[name]["variant"], rows[name]["trainings"], rows[name]["failed"]) == ("default", 2, 0)
        assert rows[name]["answer"].startswith("tree reached a mean test accuracy of 0.")
    assert (rows["b_fails"]["trainings"], rows["b_fails"]["failed"]) == (1, 1)
    assert rows["b_fails"]["answer"] == "No answer yet: no winner has been replicated."
    assert (rows["c_broken"]["trainings"], rows["c_broken"]["failed"]) == (0, "all")
    assert rows["c_broken"]["answer"] == "not run: c_broken.py must define STUDY = Study(...), got int of that name"
    assert "a_good" in err  # progress goes to standard error, beside the JSON


@pytest.mark.slow
def test_a_study_whose_data_is_not_available_runs_on_its_first_other_data_that_can(run_all):
    code, out, err = run_all(json=True, elsewhere=ELSEWHERE)
    assert code == 0
    (row,) = json.loads(out)
    assert (row["variant"], row["trainings"]) == ("dataset=digits", 2)
    assert "mnist is not available here: running on digits instead" in err
    assert "refused" not in err
    code, out, _ = run_all(json=True)
    assert (code, json.loads(out)[0]["trainings"]) == (0, 0)  # nothing is repeated


@pytest.mark.slow
def test_a_study_whose_data_is_not_available_at_all_is_not_run(run_all):
    code, out, _ = run_all(json=True, nowhere=NOWHERE, z_good=STUDY)
    rows = json.loads(out)
    assert code == 1
    assert rows[0]["answer"] == (
        "not run: mnist is not available: no network; or run the study on other data: --dataset fashion_mnist"
    )
    assert (rows[1]["study"], rows[1]["failed"]) == ("z_good", 0)


@pytest.mark.slow
def test_a_table_ends_the_run(run_all):
    code, out, _ = run_all(good=STUDY)
    assert code == 0
    assert "All studies" in out
    assert out.index("tree reached a mean test accuracy") < out.index("All studies")


def test_no_study_is_no_failure(run_all):
    assert run_all(json=True)[:2] == (0, "[]\n")
    assert run_all()[:2] == (0, "")


@pytest.mark.parametrize(
    ("name", "every", "request_", "message"),
    [
        (None, False, Request(), "run takes a study's name or --all, got neither: `dlstudy list` shows the names"),
        ("tiny", True, Request(), "got both"),
        (None, True, Request(arms=("a",)), "--all runs every study as it is, got --arm or --dataset"),
        (None, True, Request(datasets=("digits",)), "got --arm or --dataset: name one study with them"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, name, every, request_, message):
    with pytest.raises(UsageError, match=message):
        run.run_studies(name, every, request_, Backend(Home.at(tmp_path)), json=False)


@pytest.fixture
def run_one(tmp_path, backend, capsys):
    def run_one(name, source, json=False):
        path = tmp_path / "my studies" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
        code = run.run_studies(str(path), False, Request(), backend, json)
        return code, *capsys.readouterr()

    return run_one


@pytest.mark.slow
def test_the_outcome_of_one_study_ends_with_commands_to_type_next(run_one, tmp_path, backend):
    code, out, _ = run_one("one", STUDY)
    assert code == 0
    path, home = f"'{tmp_path}/my studies/one.py'", f"--home '{backend.home.root}'"
    assert f"dlstudy report {path} --output report.pdf {home}" in out
    assert f"dlstudy predict {path} {home}" in out
    assert f"dlstudy ui one {home}" in out


@pytest.mark.slow
@pytest.mark.parametrize(("name", "source", "code"), [("grows", STUDY, 0), ("withers", FAILS, 1)])
def test_the_exit_code_says_whether_trials_failed_and_json_is_the_report(run_one, name, source, code):
    found, out, _ = run_one(name, source, json=True)
    assert found == code
    report = json.loads(out)
    assert (report["study"], report["schema"], report["n_failed"]) == (name, 4, code)


@pytest.mark.slow
def test_what_cannot_work_is_refused_before_the_first_trial(run_one, backend):
    reason = r"^arm tree cannot be trained: RuntimeError: no such tree \(never.py, line 9\)$"
    with pytest.raises(StudyError, match=reason):
        run_one("never", CANNOT_BE_BUILT)
    assert Record.open(backend.home, None, for_writing=False).variants("never") == {}


def test_another_backend_of_keras_is_refused_at_once(run_one, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UsageError, match=r"trains with Keras on tensorflow, got KERAS_BACKEND=jax: unset it"):
        run_one("other", STUDY)


@pytest.mark.slow
def test_one_study_never_falls_back_to_other_data_by_itself(run_one):
    with pytest.raises(
        DataError, match=r"^mnist is not available: no network; or run the study on other data: --dataset"
    ):
        run_one("away", ELSEWHERE)


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"no study file at"):
        run.run_studies(str(tmp_path / "none.py"), False, Request(), Backend(Home.at(tmp_path)), json=False)


FOLDS = '''"""Two trees of scikit-learn's, on five folds of the digits."""
from dlstudy import Arm, Claim, Protocol, Split, Study


def build(p):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=p["depth"], random_state=p["seed"])


STUDY = Study(
    question="Is a deep tree better?",
    dataset="digits",
    build=build,
    arms=[Arm("deep", {"depth": 8}), Arm("flat", {"depth": 4})],
    protocol=Protocol(seeds=6, searches=1, split=Split(0.25, test=0.2, random_state=3, resample="folds")),
    claims=[Claim("Deep is better", "deep", "flat", "test_accuracy")],
)
'''


@pytest.mark.slow
def test_a_study_on_folds_is_judged_over_them(run_one):
    """What was trained on the fold of each seed, by hand, and a verdict with the correction for their overlap."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import KFold, train_test_split
    from sklearn.tree import DecisionTreeClassifier

    code, out, _ = run_one("folds", FOLDS, json=True)
    report = json.loads(out)
    (claim,) = report["claims"]
    assert (code, claim["verdict"]) == (0, "supported")
    assert claim["scope"] == "at the stated settings, on 6 splits"
    assert claim["pairs"][0]["overlap"] == 0.25
    assert report["protocol"]["split"] == "validation 0.25, test 0.2, random_state 3, resampled by folds"
    x, y = load_digits(return_X_y=True)
    x, y = x[:1437] / 16, y[:1437]
    trials = [trial for trial in report["trials"] if (trial["phase"], trial["arm"]) == ("replicate", "deep")]
    for trial in trials:
        again, fold = divmod(trial["index"], 5)
        left, test = list(KFold(5, shuffle=True, random_state=3 + again).split(x))[fold]
        train, _ = train_test_split(left, test_size=0.25, random_state=3 + again)
        tree = DecisionTreeClassifier(max_depth=8, random_state=trial["seed"]).fit(x[train], y[train])
        assert trial["metrics"]["test_accuracy"] == pytest.approx(tree.score(x[test], y[test]))
        assert trial["twins"] == {"n_test": len(test), "n_equal": 0, "n_contrary": 0}
    assert len(trials) == 6


def test_stages_are_run_until_the_claim_is_decided_and_say_so(tiny, tmp_path, monkeypatch, capsys):
    home = Home.at(tmp_path / "home")
    home.create()

    def run_study(file, request, backend, progress, say):
        n_trained = fake_runs.run(file.path, home, request)
        return Outcome(summary_of(resolve(file, request), Record.open(home)), n_trained, [])

    monkeypatch.setattr(runs, "run_study", run_study)
    request = Request(until_decided=True, at_most=9)
    assert run.run_studies(str(tiny), False, request, Backend(home), json=False) == 0
    shown = capsys.readouterr().out
    assert "6 seeds: not yet decided: the net is better" in shown
    assert "9 seeds: still undecided: the net is better" in shown
    assert "2 looks, at 6 and 9 pairs, may have spent 83.3 % of the level; 30 trainings in all" in " ".join(
        shown.split()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("detail", "wanted", "unwanted"),
    [
        (Detail.QUIET, [], ["#0", "Next steps", "How deep?"]),
        (Detail.USUAL, ["replicate tree #0: ", "Next steps", "How deep?"], [": epoch 1 of"]),
        (Detail.VERBOSE, ["replicate tree #0: ", "Next steps"], []),
    ],
)
def test_as_much_is_shown_as_is_asked_for(tiny, backend, monkeypatch, capsys, detail, wanted, unwanted):
    trees = tiny.with_name(f"{detail}_trees.py")
    trees.write_text(STUDY)
    assert run.run_studies(str(trees), False, Request(), backend, False, detail) == 0
    said = capsys.readouterr()
    assert all(words in said.out for words in wanted)
    assert not any(words in said.out + said.err for words in unwanted)
    if detail is Detail.QUIET:
        assert said.out.count("\n") == 1
        assert said.out.startswith("tree reached a mean test accuracy of ")


def test_both_more_and_less_are_refused(tiny, capsys):
    assert main(["run", str(tiny), "--quiet", "--verbose"]) == 2
    assert "--quiet shows less and --verbose more, got both" in capsys.readouterr().err
