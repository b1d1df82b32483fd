"""Studies that read files beside their code, from the command line: each is noticed, whichever function opens it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlstudy.cli.app import main
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant
from tests.helpers.full_form import in_full_form

pytestmark = pytest.mark.slow

CONFIGURED = '''"""A study whose arms and layers are in a file, which is read when the study is imported."""
from pathlib import Path

import yaml
from optuna.distributions import FloatDistribution

from dlstudy import Arm, Protocol, Split, Study

CONFIG = yaml.safe_load(Path(__file__).with_name("config.yaml").read_text())
RATE = {"lr": FloatDistribution(1e-3, 3e-2, log=True)}


def build(p):
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(alpha=CONFIG["alpha"], eta0=p["lr"], penalty=p["penalty"], learning_rate="constant")


STUDY = Study(
    "Does the penalty matter?", "digits", build, [Arm(n, {"penalty": k}, RATE) for n, k in CONFIG["arms"].items()],
    Protocol(epochs=1, trials=2, searches=1, rounds=0, seeds=2, split=Split(validation=0.2)),
)
'''

READS = '''"""A study each of whose functions reads a file of its own; what draws figures reads one too."""
from pathlib import Path

from dlstudy import Arm, Protocol, Split, Study

HERE = Path(__file__).parent


def prepare(x, y, train, p):
    import numpy as np

    return x * np.load(HERE / "my data" / "scale.npy"), y


def class_weight(y, p):
    import pandas as pd

    return dict(pd.read_csv(HERE / "weights.csv").itertuples(index=False))


def extra_metrics(model, x, y, p):
    import json

    kept = Path("kept.txt")  # which the study itself has written
    kept.write_text("1")
    return {"one": json.loads((HERE / "metrics.json").read_text()) + int(kept.read_text())}


def figures(model, x, y, p):
    (HERE / "style.txt").read_text()
    return {}


def build(p):
    import keras

    if p["from"] == "estimator":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=float((HERE / "c.txt").read_text()), max_iter=50)
    return keras.models.load_model(HERE / "pretrained.keras")


def callbacks(p):
    import keras

    class Reads(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            (HERE / "rates.txt").read_text()

    return [Reads()]


def continue_training(model, p):
    (HERE / "later.txt").read_text()
    return model, []


STUDY = Study(
    "Which files are read?", "digits", build,
    [Arm("net", {"from": "file", "more_epochs": 1}), Arm("estimator", {"from": "estimator"})],
    Protocol(epochs=1, trials=1, searches=1, seeds=1, rows=200, split=Split(validation=50)),
    prepare=prepare, class_weight=class_weight, extra_metrics=extra_metrics, figures=figures, callbacks=callbacks,
    continue_training=continue_training, files=["stated.h5"],
)
'''

SEEN_IN_A_STEP = {"c.txt", "my data/scale.npy", "pretrained.keras", "rates.txt", "stated.h5", "weights.csv"}
SEEN = {*SEEN_IN_A_STEP, "metrics.json", "later.txt"}


def dlstudy(*words: object, cwd: Path) -> tuple[int, str]:
    """Runs the program, with real workers; its exit code and what it says of errors."""
    command = [sys.executable, "-m", "dlstudy", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stderr


@pytest.fixture
def configured(tmp_path, monkeypatch):
    folder = tmp_path / "my study"
    folder.mkdir()
    (folder / "configured.py").write_text(CONFIGURED)
    (folder / "config.yaml").write_text("alpha: 0.001\narms: {ridge: l2, lasso: l1}\n")
    monkeypatch.chdir(folder)
    return folder


RUN = ("run", "configured.py", "--engine", "inline", "--phase", "search")


def test_an_edited_configuration_is_refused_and_its_return_is_not(configured, capsys):
    assert main([*RUN]) == 0
    config = configured / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("0.001", "0.01"))
    capsys.readouterr()
    assert main([*RUN]) == 2
    changed = (
        "configured/default/ridge/search was begun with another definition: the file config.yaml changed: undo that, "
        "or run with --fresh to begin a new generation beside the old"
    )
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"dlstudy: {changed}\n")
    assert main(["report", "configured.py"]) == 0
    assert "RECORD: configured/default/ridge/search was begun with" in capsys.readouterr().out.replace("\\", "")
    assert main(["status", "configured.py"]) == 0
    assert f"RECORD: {changed}" in " ".join(capsys.readouterr().out.split())
    assert main(["status", "configured"]) == 0, "the name alone does not say where the study is"
    assert "RECORD" not in capsys.readouterr().out
    config.write_text(text)
    assert main([*RUN]) == 0
    assert "nothing was missing" in capsys.readouterr().out


def test_an_edited_configuration_begins_a_new_generation_with_fresh(configured):
    assert main([*RUN]) == 0
    (configured / "config.yaml").write_text("alpha: 0.01\narms: {ridge: l2, lasso: l1}\n")
    assert main([*RUN, "--fresh"]) == 0
    record = Record.open(Home.at("mlruns"), for_writing=False)
    first, second = (record.files("configured", Variant(generation=n)) for n in (1, 2))
    assert len(first) == len(second) == 2
    digests = [{files["config.yaml"] for files in found.values()} for found in (first, second)]
    assert [len(found) for found in digests] == [1, 1]
    assert digests[0] != digests[1]


def test_show_and_the_report_name_the_files_with_their_digests(configured, capsys):
    import hashlib

    digest = hashlib.sha256((configured / "config.yaml").read_bytes()).hexdigest()[:16]
    assert main(["show", "configured.py"]) == 0
    assert f"files: config.yaml (sha256 {digest})" in capsys.readouterr().out
    assert main(["show", "configured.py", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == {"config.yaml": digest}
    assert main([*RUN]) == 0
    capsys.readouterr()
    assert main(["report", "configured.py", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["made_with"]["files"] == f"config.yaml (sha256 {digest})"


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """A study that has been run by workers, with the files that each of its functions reads."""
    import keras

    folder = tmp_path_factory.mktemp("reads")
    (folder / "my data").mkdir()
    np.save(folder / "my data" / "scale.npy", np.float32(2))
    (folder / "weights.csv").write_text("label,weight\n1,2\n")
    for name, text in {"metrics.json": "1", "c.txt": "0.5", "style.txt": "", "rates.txt": "", "later.txt": ""}.items():
        (folder / name).write_text(text)
    (folder / "stated.h5").write_bytes(b"read in C")
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(folder / "pretrained.keras")
    (folder / "reads.py").write_text(READS)
    code, err = dlstudy("check", "reads.py", cwd=folder)
    assert code == 0, err
    code, err = dlstudy("run", "reads.py", "--workers", 2, cwd=folder)
    assert code == 0, err
    return folder


@in_full_form
def test_a_file_that_any_function_of_a_study_opens_in_a_worker_is_in_every_definition(reads):
    files = Record.open(Home.at(reads / "mlruns"), for_writing=False).files("reads", Variant())
    assert {(name.arm, name.phase) for name in files} == {
        (arm, phase) for arm in ("net", "estimator") for phase in ("search", "replicate")
    }
    assert [set(found) for found in files.values()] == [SEEN] * 4


@in_full_form
def test_one_step_shows_what_is_opened_before_and_in_a_training(reads, monkeypatch, capsys):
    monkeypatch.chdir(reads)
    assert main(["check", "reads.py", "--engine", "inline", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [set(row["files"]) for row in rows] == [SEEN_IN_A_STEP] * 2


@in_full_form
@pytest.mark.parametrize("name", sorted(SEEN))
def test_each_edit_is_refused_without_a_worker(reads, monkeypatch, capsys, name):
    monkeypatch.chdir(reads)
    monkeypatch.setattr("dlstudy.runner.session.engine_maker", None)
    content = (reads / name).read_bytes()
    try:
        (reads / name).write_bytes(content + b"\n")
        assert main(["run", "reads.py"]) == 2
        assert f"the file {name} changed: undo that, or run with --fresh" in capsys.readouterr().err
        if name != "stated.h5":
            (reads / name).unlink()
            assert main(["run", "reads.py"]) == 2
            assert f"the file {name} is gone: undo that, or run with --fresh" in capsys.readouterr().err
    finally:
        (reads / name).write_bytes(content)


@in_full_form
def test_what_only_figures_read_and_what_the_study_wrote_is_no_change(reads):
    (reads / "style.txt").write_text("other")
    (reads / "kept.txt").write_text("2")
    code, err = dlstudy("run", "reads.py", cwd=reads)
    assert code == 0, err
