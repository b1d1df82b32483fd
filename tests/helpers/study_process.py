"""Studies that train for a while, run by `dlstudy` in processes of their own, and what they must leave behind.

In the full form (`make faults`, `DLSTUDY_FAULTS=full`) the workers are the real ones, else those of `fake_worker.py`.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from functools import cache
from pathlib import Path

from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.trial import TrialState
from dlstudy.study.variant import Variant
from tests.helpers.full_form import FULL
from tests.helpers.store_copies import original

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "dlstudy.cli" if FULL else "tests.helpers.fake_worker"]
KILL, STOP = signal.SIGKILL, signal.SIGSTOP
STATUS = {TrialState.FINISHED: "FINISHED", TrialState.KILLED: "KILLED"}

STUDY = '''"""A study of estimators, each of which takes a moment."""
import os
import time

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study

SPACE = {"alpha": FloatDistribution(1e-5, 1e-1, log=True)}


def note(path, line):
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(log, f"{line}\\n".encode())
    os.close(log)


def build(p):
    note(os.environ["STUDY_PROCESS_BUILT"], f"{p['average']} {p['seed']} {p['alpha']}")
    note(os.environ["STUDY_PROCESS_BUILT"] + ".by", os.getpid())
    time.sleep(0.15)
    if os.environ.get("STUDY_PROCESS_FAKE"):
        return None
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(alpha=p["alpha"], average=p["average"], max_iter=5, tol=None)


STUDY = Study(
    question="Does averaging help?",
    dataset="digits",
    build=build,
    arms=[
        Arm("plain", setting={"average": False}, space=SPACE, reported={"alpha": 1e-4}),
        Arm("averaged", setting={"average": True}, space=SPACE, reported={"alpha": 1e-4}),
    ],
    protocol=Protocol(searches=1, epochs=2, trials=6, seeds=6, split=Split(validation=200), rows=400, silence_s=60),
    claims=[Claim("averaging helps", better="averaged", than="plain", metric="test_accuracy")],
)
'''


class Run(subprocess.Popen):
    """A running `dlstudy`, which is killed at the end of the `with` block."""

    def __exit__(self, *about):
        self.kill()
        super().__exit__(*about)


class StudyProcess:
    """A study file and a home, in a folder of their own, and `dlstudy` run on them in a process of its own."""

    def __init__(self, folder, name="averaging", text=STUDY, home="home"):
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.home, self.file = name, Home.at(folder / home), folder / f"{name}.py"
        self.file.write_text(text)
        self.built = folder / f"{name}.built"

    def start(self, *options, command="run", study=True, on=()):
        """`dlstudy` in a session of its own, as a terminal would start it; `on` is a command that runs it elsewhere."""
        fake = {} if FULL else {"STUDY_PROCESS_FAKE": "1", "STUDY_PROCESS_STORE": str(original())}
        own = {"STUDY_PROCESS_BUILT": str(self.built), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        which = [str(self.file)] if study else []
        return Run(
            [*on, *COMMAND, command, *which, *options, "--home", str(self.home.root)],
            env={**os.environ, **fake, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *options, **how):
        """Runs `dlstudy` to its end: exit code, standard output, standard error."""
        with self.start(*options, **how) as process:
            out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def n_built(self):
        """The number of trainings that have begun."""
        return len(self.built.read_text().splitlines()) if self.built.exists() else 0

    def trainers(self):
        """The process ids of those that have begun a training."""
        by = self.built.with_name(f"{self.built.name}.by")
        return {int(line) for line in by.read_text().split()} if by.exists() else set()

    def trials(self, storage=None):
        """All trials of the default variant."""
        return Record.open(self.home, storage, for_writing=False).trials(self.name, Variant())

    def table(self, storage=None):
        """The metrics of every finished training, in an order that does not depend on when it was trained."""
        return sorted(
            (t.phase, t.arm, t.index, t.seed, tuple(t.params.items()), tuple(t.metrics.items()), t.result.correct)
            for t in self.trials(storage)
            if t.state is TrialState.FINISHED
        )

    def tries(self):
        """The states of all tries of each training, in their order."""
        found = {}
        for trial in self.trials():
            found.setdefault((trial.phase, trial.arm, trial.setting_key, trial.index), []).append(trial.state)
        return found

    def statuses(self):
        """Key (empty for the study's own run), status and state of every run in MLflow."""
        wanted = "select value from tags where tags.run_uuid = runs.run_uuid and key ="
        with closing(sqlite3.connect(self.home.mlflow_db)) as store:  # to write: a killed writer is undone first
            rows = store.execute(
                f"select ({wanted} 'dlstudy.key'), status, ({wanted} 'dlstudy.state') from runs, experiments using "
                "(experiment_id) where experiments.name = ? and runs.lifecycle_stage = 'active'",
                [self.name],
            ).fetchall()
        return sorted((key or "", status, state) for key, status, state in rows)

    def open(self):
        """What the record and MLflow say is running: keys of trials."""
        in_mlflow = self.statuses() if self.home.mlflow_db.exists() else ()
        return {key for key, status, _ in in_mlflow if status == "RUNNING"} | {
            trial.key for trial in self.trials() if trial.state is TrialState.RUNNING
        }

    def check(self, *options):
        """Nothing is lost, repeated or wrong: the table is that of an undisturbed run, and MLflow agrees."""
        assert self.table() == undisturbed(self.name, options)[0]
        for training, states in self.tries().items():
            assert states.count(TrialState.FINISHED) == 1, (training, states)
            assert states[-1] is TrialState.FINISHED, (training, states)
        trials = self.trials()
        begun = Counter(f"{t.params['average']} {t.seed} {t.params['alpha']}" for t in trials)
        lines = self.built.read_text().splitlines()
        built = Counter(line for line in lines if line.split()[1] != "0")  # which is the seed of the step before trials
        assert not built - begun, "the record does not know of every training"
        expected = [("", "FINISHED", None), *[(t.key, STATUS.get(t.state, "FAILED"), t.state) for t in trials]]
        assert self.statuses() == sorted(expected)


@cache
def undisturbed(name, options=()):
    """The table of an undisturbed run, and the seconds that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        study_process, began = StudyProcess(Path(folder), name), time.monotonic()
        code, _, err = study_process.run(*options)
        assert code == 0, err
        return study_process.table(), time.monotonic() - began


def processes_of(session):
    """The living processes of a session: process id to command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            stat = (folder / "stat").read_text().rpartition(") ")[2].split()
            if stat[0] != "Z" and int(stat[3]) == session:
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except (OSError, IndexError):
            continue
    return found


def workers_of(session):
    """The process ids of the workers of a run."""
    return [pid for pid, command in processes_of(session).items() if "spawn_main" in command]


def await_(condition, timeout_s=120.0):
    """Waits until the condition is true, and returns what it gave."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, f"did not become true within {timeout_s} s"
        time.sleep(0.02)
    return found


def send(pid, number):
    """Sends a signal; whether the process was still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def dice(seed):
    """Random moments, the same in every run of the tests; the machine's timing adds chance of its own."""
    return random.Random(seed)
