"""A run that is killed at random moments goes on within its trials, and gives the numbers of one that was not."""

import os
import subprocess
import sys
import time

from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.trial import TrialState
from dlstudy.study.variant import Variant
from tests.helpers.full_form import FULL
from tests.helpers.study_process import KILL, ROOT, Run, dice

N_KILLS, N_EPOCHS = (12, 40) if FULL else (1, 15)
OPTIONS = ["--workers", "2"] if FULL else ["--engine", "inline", "--phase", "search"]

STUDY = '''"""Trials of many short epochs."""
import os
import time

import keras
import numpy as np

from dlstudy import Arm, Protocol, Split, Study


class Slow(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.draws = []

    def on_epoch_end(self, epoch, logs=None):
        self.draws.append(float(np.random.rand()))
        logs["draws"] = sum(self.draws)
        log = os.open(os.environ["EPOCHS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(log, f"{epoch}\\n".encode())
        os.close(log)
        time.sleep(0.05)


def build(p):
    layers = [keras.layers.Flatten(), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers, keras.layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def callbacks(p):
    return [Slow(), keras.callbacks.ReduceLROnPlateau(patience=2), keras.callbacks.EarlyStopping(patience=N_EPOCHS)]


STUDY = Study(
    question="Does a trial go on?",
    dataset="digits",
    build=build,
    callbacks=callbacks,
    arms=[Arm("net", reported={})],
    protocol=Protocol(
        searches=1, trials=1, seeds=1, rounds=0, epochs=N_EPOCHS, rows=400, split=Split(validation=100), MINUTES
    ),
)
'''


def start(folder, home):
    (folder / "goes_on.py").write_text((folder / "goes_on.txt").read_text())
    environment = {**os.environ, "EPOCHS": str(folder / f"{home}.epochs"), "PYTHONPATH": str(ROOT)}
    return Run(
        [sys.executable, "-m", "dlstudy.cli", "run", "goes_on.py", "--home", home, *OPTIONS],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def n_trained(folder, home):
    """Epochs that have ended, in all trials."""
    path = folder / f"{home}.epochs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def results(folder, home):
    trials = Record.open(Home.at(folder / home), None, for_writing=False).trials("goes_on", Variant())
    return {trial.phase: trial.result for trial in trials if trial.state is TrialState.FINISHED}


def test_a_run_that_is_killed_at_random_goes_on_within_its_trials(tmp_path):
    text = STUDY.replace("N_EPOCHS", str(N_EPOCHS))
    for home, minutes in [("whole", ""), ("killed", "checkpoint_minutes=0")]:
        (tmp_path / "goes_on.txt").write_text(text.replace("MINUTES", minutes))
        chance = dice(9)
        for _ in range(N_KILLS if home == "killed" else 0):
            enough = n_trained(tmp_path, home) + chance.randint(2, 12)
            with start(tmp_path, home) as process:
                while n_trained(tmp_path, home) < enough and process.poll() is None:
                    time.sleep(chance.uniform(0, 0.05))
                os.killpg(process.pid, KILL)
        with start(tmp_path, home) as process:
            _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    whole, killed = results(tmp_path, "whole"), results(tmp_path, "killed")
    assert set(whole) == set(killed)
    for phase, result in killed.items():
        assert (result.history, result.metrics) == (whole[phase].history, whole[phase].metrics)
    assert any("went on after an interruption" in remark for one in killed.values() for remark in one.remarks)
    # Each kill costs each of two trials the epoch that was trained, and one of which no checkpoint was written yet.
    again = n_trained(tmp_path, "killed") - n_trained(tmp_path, "whole")
    assert again <= 4 * N_KILLS
    left = [path for path in (tmp_path / "killed").rglob("*checkpoint*") if path.is_file()]
    assert not left
    print(f"\n{N_KILLS} kills: {again} of {n_trained(tmp_path, 'whole')} epochs trained again")
