"""`dlstudy.run`, `dlstudy.plan` and `dlstudy.check`: the commands of these names, for scripts and notebooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from dlstudy.api.checks import StudyCheck, check_file
from dlstudy.api.keywords import (
    CheckKeywords,
    PlanKeywords,
    RunKeywords,
    backend_of,
    request_of,
    require_known,
    with_keywords,
)
from dlstudy.api.notebook_display import NotebookDisplay, in_notebook
from dlstudy.api.opening import opened
from dlstudy.api.plans import StudyPlan, plan_file
from dlstudy.api.progress import Display
from dlstudy.api.runs import run_file
from dlstudy.api.terminal import TerminalDisplay, make_console
from dlstudy.common.nesting import now_inside
from dlstudy.errors import UsageError
from dlstudy.report.notebook import AcrossResults, Results
from dlstudy.study.study import Study

__all__ = ["check", "plan", "run"]


def run(
    study: Study | str | Path, *, name: str | None = None, **options: Unpack[RunKeywords]
) -> Results | AcrossResults:
    """Runs a study: trains the missing trials, keeps the recorded ones, and gives the results.

    A study that is made in a script or a notebook is kept in the results folder, so that `dlstudy report NAME`,
    `predict`, `show`, `status` and `run` know it too. Its functions go to the worker processes by their source text;
    what has none, such as a lambda, by cloudpickle. Ctrl-C, or interrupting the kernel, keeps all that is recorded: the
    same call goes on from there. No `if __name__ == "__main__"` is needed.

    Args:
        study: a `Study`; or its name, the path of its file, or its module, as `dlstudy run` takes it.
        name: of a `Study` in the record, on which its random draws depend. None for the name of the script, and
            `study` in a notebook.
        quick: fewer epochs, rows and trials: a first look.
        trials: that each arm's search begins with.
        seeds: of reported settings and of replicates.
        searches: independent ones of each arm: 3 or more for verdicts on methods.
        epochs: of every training.
        datasets: a name, or several for an answer across data sets; in place of the study's own.
        aa_test: how many times two identical copies of one arm are compared, to look for false positives.
        replication: which independent replication, counted from 1: all designs and seeds are drawn anew.
        phases: of `reported`, `defaults`, `search`, `replicate` and `sweep`; all, if none is named.
        arms: all, if none is named.
        sampler: `sobol`, `random`, `tpe`, or one of Optuna's by name, with options.
        pruner: `none`, `median`, `hyperband`, `halving`, or one of Optuna's by name, with options.
        reported_variants: whether to train reported figures too that have settings of their own.
        fresh: whether to start again beside the old results.
        until_decided: whether to go on in stages until every claim is decided, or the level is spent.
        at_most: with `until_decided`, the seeds (searches, if several) to stop at.
        registered: the plan that `dlstudy register` wrote, to compare the study with.
        home: the results folder; None for `DLSTUDY_HOME`, else `mlruns` in the current folder.
        storage: SQLAlchemy URL of Optuna's storage; a journal in the home, where neither this nor `DLSTUDY_STORAGE` is
            given.
        tracking: MLflow's server or store; None for `MLFLOW_TRACKING_URI`, else SQLite in the home.
        hours: that the run may take: no trial begins that would not end in time, and the same call goes on later; None
            for any time.
        failures: how many consecutive failed trials end the run.
        notify: an address that Apprise tells when the run ends, fails or stands still, such as `ntfy://TOPIC`.
        register: a name in MLflow's registry for the model of the arm that did best.
        engine: `local`, `ray` for many machines, or `inline` for debugging.
        workers: trainings in parallel; None for as many as there are GPUs, else cores.
        per_gpu: trainings that share one GPU.
        ray_address: `HOST:PORT` of a Ray cluster that is running.

    Returns:
        The results; of several data sets, those over them.

    Raises:
        UsageError: a keyword breaks a rule, the study's name is taken, or the call is within a run.
        StudyError: the study breaks a rule, or cannot be sent to other processes.
        RecordError: the record has results of another definition, or is in use.
        KeyboardInterrupt: after everything is recorded.

    Example::

        results = dlstudy.run(study, name="churn", quick=True)
        results  # shows question, answer, arms, claims and the picture of the answer
    """
    with _called("run", options, RunKeywords):
        request, backend, display = request_of(options), backend_of(options), _display()
        with opened(study, name, backend.home, anew=True) as file:
            try:
                ran = run_file(file, request, backend, display)
            except KeyboardInterrupt:
                display.say("stopped; all that had ended is recorded: run the same again to continue")
                raise
    for remark in ran.remarks:
        display.say(f"note: {remark}")
    results = [Results(outcome.summary, file, backend.home) for outcome in ran.outcomes]
    return AcrossResults(ran.across, results) if ran.across else results[0]


def plan(study: Study | str | Path, *, name: str | None = None, **options: Unpack[PlanKeywords]) -> StudyPlan:
    """Plans a run: what it would train, how long that takes on this machine, and what it could show.

    Trains each arm for two epochs to measure its cost; records nothing.

    Args:
        study, name: as for `run`.
        quick, trials, seeds, searches, epochs, datasets, aa_test, replication: as for `run`.
        home, storage, engine, workers, per_gpu, ray_address: as for `run`.

    Raises:
        DlstudyError: as `run` raises them; and where an arm cannot be trained.
    """
    with _called("plan", options, PlanKeywords):
        request, backend, display = request_of(options), backend_of(options), _display()
        with opened(study, name, backend.home) as file:
            return plan_file(file, file.name, request, backend, lambda line: display.say(line, "dim"))


def check(study: Study | str | Path, *, name: str | None = None, **options: Unpack[CheckKeywords]) -> StudyCheck:
    """Checks a study: builds each arm once and takes one step of it, in seconds and before hours.

    Records nothing; `run` does the same before its first trial.

    Args:
        study, name: as for `run`.
        quick, epochs, datasets, home, engine, workers, per_gpu, ray_address: as for `run`.

    Returns:
        What came of each arm; `passed` says whether all can be trained.

    Raises:
        DlstudyError: as `run` raises them, but not for a fault of an arm.
    """
    with _called("check", options, CheckKeywords):
        request, backend, display = request_of(options), backend_of(options), _display()
        with opened(study, name, backend.home, anew=True) as file:
            return check_file(file, request, backend, lambda line: display.say(line, "dim"))


@contextmanager
def _called(call: str, options: Mapping[str, object], known: type) -> Iterator[None]:
    """Around a call, which cannot be nested in a run, and whose messages speak of keywords."""
    if where := now_inside():
        raise UsageError(
            f"dlstudy.{call} cannot be called within {where}: call it from the script or the notebook itself; in a "
            'study file, below `if __name__ == "__main__":`'
        )
    require_known(call, options, list(known.__annotations__))
    try:
        yield
    except UsageError as error:
        raise UsageError(with_keywords(str(error))) from error.__cause__


def _display() -> Display:
    """The notebook, else standard error: what a script prints stays its own."""
    return NotebookDisplay() if in_notebook() else TerminalDisplay(make_console(error=True))
