"""A study's runs in MLflow: an experiment, a parent run, a child run for each trial, the winners' models.

Written through `MlflowClient` with explicit run ids alone: nothing depends on an active run of a thread.
"""

import hashlib
import io
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlstudy.analysis.results import StudySummary
from dlstudy.store.home import Home
from dlstudy.study.phases import Phase
from dlstudy.study.trial import TrialRecord, TrialSpec, TrialState, figures_beside
from dlstudy.toolkit.plots import PALETTE
from dlstudy.tracking.pages import PICTURE, as_markdown, describe, saved_view
from dlstudy.tracking.study_run import StudyRun

__all__ = ["MlflowRuns"]

_STATUS = {TrialState.FINISHED: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.KILLED: "KILLED"}
_BATCH = 900
_MODEL = "dlstudy.model"
"""A tag: where MLflow has the model of a trial."""
_PICTURES = "pictures"
_MARGIN_MS = 60_000
"""A run may be dated a little before its trial, where a clock was set."""
_PICTURE_WIDTH = 660
"""Pixels: MLflow shows the pictures of a description as large as they are."""


class MlflowRuns:
    """Writes to one experiment. Connects when made, which imports MLflow and may create its store."""

    def __init__(self, uri: str, home: Home, study_run: StudyRun) -> None:
        from mlflow import MlflowClient

        self._study_run = study_run
        self._client = MlflowClient(tracking_uri=uri)
        self._uri = uri
        self._experiment = self._find_experiment(home)
        self.run_ids: dict[str, str] = {}
        self._ended: set[str] = set()
        self._mark = ""
        self.parent = self._find_parent()
        self._save_view()

    def begin(self, spec: TrialSpec, slot: str, time_ms: int) -> None:
        """Starts the run of a trial."""
        params = self._create(spec, slot, time_ms)
        self._log(self.run_ids[spec.key], params=params)

    def log_epochs(self, key: str, epochs: Iterable[tuple[int, int, Mapping[str, float]]]) -> None:
        """Writes metrics of epochs: (epoch, Unix time in ms, metrics)."""
        run_id = self.run_ids.get(key)
        if run_id is not None:
            self._log(run_id, _metrics(epochs))

    def end(
        self, trial: TrialRecord, metrics: Sequence[Any] = (), params: Sequence[Any] = ()
    ) -> None:  # Any: MLflow's Metric and Param
        """Ends the run of a trial as the record says, with metrics and parameters that it does not have yet."""
        from mlflow.entities import Metric, RunTag

        run_id = self.run_ids.get(trial.key)
        if run_id is None or trial.key in self._ended or trial.result is None:
            return
        result, time_ms = trial.result, int((trial.ended_s or time.time()) * 1000)
        n_epochs = max((len(values) for values in result.history.values()), default=0)
        final = {name: value for name, value in result.metrics.items() if name not in {*result.history, "parameters"}}
        # MLflow's chart page shows what begins so in a section of its own, below the metrics.
        final |= {f"system/{name}": value for name, value in result.cost.items()}
        if trial.value is not None:
            final["value"] = trial.value
        tags = {"dlstudy.state": result.state, "dlstudy.slot": result.slot}
        if result.trained_by is not None:
            tags["dlstudy.trained_by"] = result.trained_by
        if result.remarks:
            tags["dlstudy.remarks"] = "; ".join(result.remarks)
        if "parameters" in result.metrics:
            tags["dlstudy.parameters"] = f"{result.metrics['parameters']:.0f}"
        if result.reason:
            tags["dlstudy.reason"] = result.reason
        if result.traceback:
            tags["dlstudy.traceback"] = result.traceback
        at_end = [Metric(name, float(value), time_ms, n_epochs) for name, value in final.items()]
        self._log(run_id, [*metrics, *at_end], [RunTag(name, text[:7000]) for name, text in tags.items()], params)
        self._client.set_terminated(run_id, _STATUS.get(result.state, "FAILED"), time_ms)
        self._ended.add(trial.key)

    def catch_up(self, trials: Sequence[TrialRecord], moved: Callable[[int, int], None] = lambda *_: None) -> None:
        """Synchronizes MLflow with the record: missing runs are written, runs left open are ended.

        `moved` receives the numbers of trials written and in all.

        A mark on the study's own run says which trials MLflow has completely. Their runs are not read: MLflow takes
        more than a millisecond for each.
        """
        ended = [trial for trial in trials if trial.result is not None]
        covered = _covered(self._mark, ended) - {trial.key for trial in ended if not trial.run_id}
        self._read_runs("attributes.status = 'RUNNING'")
        missing = [t for t in ended if t.key not in self._ended and (t.key not in covered or t.key in self.run_ids)]
        unknown_s = [trial.started_s for trial in missing if trial.key not in self.run_ids]
        if unknown_s:
            first_ms = int(1000 * min(unknown_s)) - _MARGIN_MS
            self._read_runs(f"attributes.start_time >= {first_ms}")
        missing = [trial for trial in missing if trial.key not in self._ended]
        for i, trial in enumerate(missing):
            moved(i, len(missing))
            known, params = set[int](), []
            if trial.key in self.run_ids:
                known = self._epochs_known(trial)
            else:
                params = self._create(trial, trial.result.slot if trial.result else "", int(trial.started_s * 1000))
            self.end(trial, _metrics(_epochs_missing(trial, known)), params)
        mark = _mark(ended)
        if mark != self._mark:
            self._client.set_tag(self.parent, "dlstudy.written", mark)
            self._mark = mark

    def end_parent(
        self, status: str, summary: StudySummary, files: Sequence[Path] = (), picture: bytes | None = None
    ) -> None:
        """Ends the study's own run with what it found: a description, and files as artifacts.

        Args:
            status: of the run, as MLflow names it.
            summary: what it found.
            files: reports in several formats.
            picture: PNG of the answer.
        """
        for file in files:
            self._client.log_artifact(self.parent, str(file), "report")
        if picture:
            self._log_picture(picture)
        report = next((file.name for file in files if file.suffix == ".html"), "")
        claims = {f"dlstudy.claim.{i}": f"{claim.verdict}: {claim.text}" for i, claim in enumerate(summary.claims, 1)}
        note = describe(summary, self._experiment, self.parent, report, picture is not None)
        for name, text in {"mlflow.note.content": note, "dlstudy.answer": summary.answer, **claims}.items():
            self._client.set_tag(self.parent, name, text[:7000])
        self._client.set_terminated(self.parent, status)

    def log_model(self, trial: TrialRecord, folder: Path) -> None:
        """Registers the model folder that a worker wrote as a model of the trial's run, with its pictures, once."""
        from mlflow.entities import LoggedModelOutput

        if not (folder / "MLmodel").is_file():
            return
        run = self._run_of(trial)
        if run is None or _MODEL in run.data.tags:
            return
        run_id, params = run.info.run_id, {name: str(value) for name, value in trial.params.items()}
        name = f"{self._study_run.study}-{trial.arm}".replace(".", "_")  # MLflow takes no dot in a model's name
        model = self._client.create_logged_model(self._experiment, name=name, source_run_id=run_id, params=params)
        self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, "READY")
        self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
        if figures_beside(folder).is_dir():
            self._client.log_artifacts(run_id, str(figures_beside(folder)), _PICTURES)
        self._client.set_tag(run_id, _MODEL, f"models:/{model.model_id}")

    def fetch_model(self, trial: TrialRecord, folder: Path) -> None:
        """Brings the trial's model back, and its pictures, to a home that is not the one in which it was trained.

        Loading it checks whether it is the model that the record names.
        """
        from mlflow.artifacts import download_artifacts

        run = self._run_of(trial)
        if run is None or _MODEL not in run.data.tags:
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".fetched-") as fetched:
            if self._client.list_artifacts(run.info.run_id, _PICTURES):
                Path(self._client.download_artifacts(run.info.run_id, _PICTURES, fetched)).replace(
                    figures_beside(folder)
                )
            kept = self._client.get_logged_model(run.data.tags[_MODEL].rpartition("/")[2])
            model = download_artifacts(
                artifact_uri=kept.artifact_location, dst_path=str(Path(fetched) / "model"), tracking_uri=self._uri
            )
            Path(model).replace(folder)

    def _run_of(self, trial: TrialRecord) -> Any:  # Any: MLflow's Run, or None
        if trial.key not in self.run_ids:
            self._read_runs(f"tags.`dlstudy.key` = '{trial.key}'")
        run_id = self.run_ids.get(trial.key)
        return None if run_id is None else self._client.get_run(run_id)

    def _find_experiment(self, home: Home) -> str:
        name = self._study_run.study
        found = self._client.get_experiment_by_name(name)
        if found is None:  # a server decides where artifacts go; without one it is the results folder, not ./mlruns
            location = None if self._uri.startswith("http") else home.artifacts.as_uri()
            return str(self._client.create_experiment(name, location))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _find_parent(self) -> str:
        variant = self._study_run.variant
        found = self._search(f"tags.`dlstudy.variant` = '{variant}' and tags.`dlstudy.kind` = 'study'")
        if found:
            run_id, self._mark = str(found[0].info.run_id), found[0].data.tags.get("dlstudy.written", "")
            self._client.update_run(run_id, status="RUNNING")
            return run_id
        tags = {
            **self._study_run.tags,
            "dlstudy.kind": "study",
            "dlstudy.variant": variant,
            "mlflow.note.content": as_markdown(self._study_run.description),
        }
        run = self._client.create_run(self._experiment, tags=tags, run_name=f"{self._study_run.study} · {variant}")
        self._log(run.info.run_id, params=_params(self._study_run.params))
        return str(run.info.run_id)

    def _save_view(self) -> None:
        about, now_ms = self._study_run, int(time.time() * 1000)
        tag, view = saved_view(
            self.parent, about.study, about.variant, metric=about.params["metric"], tuned=about.tuned, now_ms=now_ms
        )
        self._client.set_experiment_tag(self._experiment, tag, view)

    def _log_picture(self, png: bytes) -> None:
        from PIL import Image

        image = Image.open(io.BytesIO(png))
        height = round(image.height * _PICTURE_WIDTH / image.width)
        self._client.log_image(self.parent, image.resize((_PICTURE_WIDTH, height)), PICTURE)

    def _create(self, trial: TrialSpec | TrialRecord, slot: str, time_ms: int) -> list[Any]:  # Any: MLflow's Param
        """Makes the run of a trial; returns the parameters that it still lacks."""
        tags = {
            **self._study_run.tags,
            "mlflow.parentRunId": self.parent,
            "dlstudy.kind": "trial",
            "dlstudy.key": trial.key,
            "dlstudy.variant": self._study_run.variant,
            "dlstudy.arm": trial.arm,
            "dlstudy.phase": trial.phase,
            "dlstudy.slot": slot,
        }
        if trial.arm in self._study_run.arms:
            tags["mlflow.runColor"] = PALETTE[self._study_run.arms.index(trial.arm) % len(PALETTE)]
        phase = trial.phase if trial.search == 1 else f"{trial.phase} {trial.search}"
        name = f"{phase} · {trial.arm} · #{trial.index}"
        run = self._client.create_run(self._experiment, time_ms, tags, run_name=name)
        self.run_ids[trial.key] = str(run.info.run_id)
        values = {**trial.params, "seed": trial.seed, "arm": trial.arm, "phase": trial.phase, "index": trial.index}
        values |= {"search": trial.search} if trial.search > 1 else {}
        self._log_dataset(
            run.info.run_id, "testing" if trial.phase in (Phase.REPLICATE, Phase.DEFAULTS) else "training"
        )
        return _params({name: str(value) for name, value in values.items()})

    def _log(
        self, run_id: str, metrics: Sequence[Any] = (), tags: Sequence[Any] = (), params: Sequence[Any] = ()
    ) -> None:  # Any: MLflow's Metric, RunTag and Param
        """Logs in as few requests as MLflow takes: each is one of the many that a study makes of its server."""
        for i in range(0, len(metrics) or len(tags) + len(params), _BATCH):
            first = i == 0
            self._client.log_batch(
                run_id, metrics[i : i + _BATCH], params=params if first else (), tags=tags if first else ()
            )

    def _log_dataset(self, run_id: str, context: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        about = self._study_run.dataset
        dataset = Dataset(about["name"], about["digest"][:36], "local", about["source"], profile=about["profile"])
        self._client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def _search(self, condition: str) -> list[Any]:  # Any: MLflow's Run, which must not be imported at the top
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment], condition, max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _read_runs(self, condition: str) -> None:
        for run in self._search(f"tags.`mlflow.parentRunId` = '{self.parent}' and {condition}"):
            key = run.data.tags.get("dlstudy.key", "")
            self.run_ids[key] = run.info.run_id
            if run.info.status in ("FINISHED", "FAILED", "KILLED"):
                self._ended.add(key)

    def _epochs_known(self, trial: TrialRecord) -> set[int]:
        """The epochs that MLflow has: each was written as a whole, but not every metric has a value in each."""
        run_id = self.run_ids[trial.key]
        return {metric.step for name in trial.history for metric in self._client.get_metric_history(run_id, name)}


def _params(values: Mapping[str, str]) -> list[Any]:  # Any: MLflow's Param
    from mlflow.entities import Param

    return [Param(name, value[:6000]) for name, value in values.items()]


def _metrics(epochs: Iterable[tuple[int, int, Mapping[str, float]]]) -> list[Any]:  # Any: MLflow's Metric
    from mlflow.entities import Metric

    return [Metric(name, value, time_ms, epoch) for epoch, time_ms, values in epochs for name, value in values.items()]


def _epochs_missing(trial: TrialRecord, known: Collection[int]) -> list[tuple[int, int, dict[str, float]]]:
    history = trial.result.history if trial.result else {}
    n_epochs = max((len(values) for values in history.values()), default=0)
    first, last = trial.started_s, trial.ended_s or trial.started_s
    missing = []
    for i in range(n_epochs):
        if i + 1 in known:
            continue
        values = {name: series[i] for name, series in history.items() if i < len(series)}
        time_ms = int(1000 * (first + (last - first) * (i + 1) / n_epochs))
        missing.append((i + 1, time_ms, {name: value for name, value in values.items() if value is not None}))
    return missing


def _mark(trials: Iterable[TrialRecord]) -> str:
    """Names a set of ended trials: when the last of them ended, and a digest of all."""
    ends = sorted((trial.ended_s or 0.0, trial.key) for trial in trials)
    return f"{ends[-1][0]} {hashlib.sha256(repr(ends).encode()).hexdigest()[:16]}" if ends else ""


def _covered(mark: str, trials: Sequence[TrialRecord]) -> set[str]:
    """The keys of those trials that a mark names; none where it names others."""
    try:
        until_s = float(mark.partition(" ")[0])
    except ValueError:  # no mark
        return set()
    earlier = [trial for trial in trials if (trial.ended_s or 0.0) <= until_s]
    return {trial.key for trial in earlier} if _mark(earlier) == mark else set()
