"""An MLflow store with a count of what is asked of it, and trials to write to it."""

from collections import Counter

from mlflow import MlflowClient

from dlstudy.tracking.runs import MlflowRuns
from dlstudy.tracking.study_run import StudyRun
from tests.helpers.builders import make_study, make_trial

STUDY = make_study()
ABOUT = {"name": "digits", "digest": "0f", "source": "here", "profile": "{}"}
HISTORY = {"val_accuracy": [0.4, 0.5]}


class MlflowStore:
    """An MLflow store in a home, with a count of what is asked of it."""

    def __init__(self, home, monkeypatch):
        self.home, self.uri = home, f"sqlite:///{home.mlflow_db}"
        self.client = MlflowClient(tracking_uri=self.uri)
        self.calls, self.read = Counter(), []
        for name in ("create_run", "log_batch", "set_terminated", "get_metric_history", "create_logged_model"):
            monkeypatch.setattr(MlflowClient, name, self.counted(name))
        monkeypatch.setattr(MlflowClient, "search_runs", self.searched())

    def counted(self, name):
        method = getattr(MlflowClient, name)

        def call(client, *args, **options):
            self.calls[name] += 1
            return method(client, *args, **options)

        return call

    def searched(self):
        search = MlflowClient.search_runs

        def call(client, *args, **options):
            found = search(client, *args, **options)
            self.read += [run.data.tags["dlstudy.key"] for run in found if "dlstudy.key" in run.data.tags]
            return found

        return call

    def connect(self, variant="default"):
        params = {"metric": "val_accuracy"}
        about = StudyRun("s", variant, {}, params, ABOUT, "Is a better?", arms=["b", "a"], tuned=["rate"])
        runs = MlflowRuns(self.uri, self.home, about)
        self.calls.clear()
        self.read.clear()
        return runs

    def children(self, parent):
        runs = self.client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{parent}'")
        return {run.info.run_id: run for run in runs}

    def keys(self, parent):
        return sorted(run.data.tags["dlstudy.key"] for run in self.children(parent).values())


def trial(index, hours=0, **changes):
    began_s = 1e9 + 3600 * hours + index
    return make_trial(
        STUDY, "a", "search", index, started_s=began_s, ended_s=began_s + 10, history=HISTORY, run_id="r", **changes
    )


EARLIER, LATER = [trial(i) for i in range(3)], [trial(i, hours=1) for i in range(3, 5)]
KEYS = [trial.key for trial in (*EARLIER, *LATER)]
