"""A study's runs in MLflow: an experiment, a parent run, a child run for each trial, the winners' models.

Written through `MlflowClient` with explicit run ids alone: nothing depends on an active run of a thread.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.results import StudySummary
from dlstudy.common.text import describe_error, without_passwords
from dlstudy.store.home import Home
from dlstudy.study.own_log import ARTIFACTS, OwnLog
from dlstudy.study.phases import Phase
from dlstudy.study.trial import TrialRecord, TrialSpec, TrialState, figures_beside
from dlstudy.study.trial_output import output_file
from dlstudy.toolkit.plots import PALETTE
from dlstudy.tracking.accepted import accepted_name, is_refusal, log_items, params_of, tags_of
from dlstudy.tracking.pages import PICTURE, describe, saved_view
from dlstudy.tracking.parent import MARK, find_experiment, find_parent, restored, search
from dlstudy.tracking.study_run import StudyRun
from dlstudy.tracking.trial_items import (
    end_items,
    epochs_missing,
    metrics_of,
    model_metrics,
    own_items,
    params_at_start,
)

__all__ = ["MlflowRuns"]

_STATUS = {
    TrialState.FINISHED: "FINISHED",
    TrialState.INFEASIBLE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.KILLED: "KILLED",
}
_FILES, _MODEL_FILES = "files", "model"
"""What is refused where artifacts cannot be stored."""
_MODEL = "dlstudy.model"
"""A tag: where MLflow has the model of a trial."""
_SNAPSHOT = "dlstudy.snapshot"
"""A tag: the digest of what the study was run from."""
_PICTURES = "pictures"
_MARGIN_MS = 60_000
"""A run may be dated a little before its trial, where a clock was set."""
_PICTURE_WIDTH = 660
"""Pixels: MLflow shows the pictures of a description as large as they are."""


class MlflowRuns:
    """Writes to one experiment. Connects when made, which imports MLflow and may create its store.

    Attributes:
        parent: id of the study's own run.
        run_ids: of the trials' runs, by key.
        notes: lines for the user: a run that was restored, or is there twice.
        refused: why MLflow did not take an item, by trial (or the name of the study's run) and item. All else is
            written, and the run ended.
    """

    def __init__(self, uri: str, home: Home, study_run: StudyRun) -> None:
        from mlflow import MlflowClient

        self._study_run = study_run
        self._client = MlflowClient(tracking_uri=uri)
        self._uri = uri
        self._home = home
        self._experiment = find_experiment(self._client, study_run.study, home)
        self.run_ids: dict[str, str] = {}
        self._ended: set[str] = set()
        self.notes: list[str] = []
        self.refused: dict[tuple[str, str], str] = {}
        self.parent, self._mark = find_parent(self._client, self._experiment, study_run, self.notes)
        with self._refusable(study_run.name, "view"):
            self._save_view()

    def begin(self, spec: TrialSpec, slot: str, time_ms: int) -> None:
        """Starts the run of a trial."""
        with self._refusable(spec.key, "run"):
            params = self._create(spec, slot, time_ms)
            self._log(spec.key, params=params)

    def log_epochs(self, key: str, epochs: Iterable[tuple[int, int, Mapping[str, float]]]) -> None:
        """Writes metrics of epochs: (epoch, Unix time in ms, metrics)."""
        if key in self.run_ids:
            self._log(key, metrics_of(epochs))

    def end(
        self, trial: TrialRecord, metrics: Sequence[Any] = (), params: Sequence[Any] = ()
    ) -> None:  # Any: MLflow's Metric and Param
        """Ends the run of a trial as the record says, with metrics and parameters that it does not have yet."""
        run_id = self.run_ids.get(trial.key)
        if run_id is None or trial.key in self._ended or trial.result is None:
            return
        time_ms = int((trial.ended_s or time.time()) * 1000)
        at_end, tags = end_items(trial, time_ms)
        own_metrics, own_tags, own_params = self._own(trial)
        with self._refusable(trial.key, "end"):
            self._log(trial.key, [*metrics, *at_end, *own_metrics], [*tags, *own_tags], [*params, *own_params])
            self._say_refused(trial.key, run_id)
            self._client.set_terminated(run_id, _STATUS.get(trial.result.state, "FAILED"), time_ms)
        self._ended.add(trial.key)

    def catch_up(self, trials: Sequence[TrialRecord], moved: Callable[[int, int], None] = lambda *_: None) -> None:
        """Synchronizes MLflow with the record: missing runs are written, runs left open are ended.

        `moved` receives the numbers of trials written and in all.

        A mark on the study's own run says which trials MLflow has completely. Their runs are not read: MLflow takes
        more than a millisecond for each.
        """
        if restored(self._client, self.parent, self._study_run.name, self.notes):
            self._mark = ""
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
                with self._refusable(trial.key, "run"):
                    params = self._create(trial, trial.result.slot if trial.result else "", int(trial.started_s * 1000))
            self.end(trial, metrics_of(epochs_missing(trial, known)), params)
        mark = _mark(ended)
        if mark != self._mark and all(trial.key in self._ended for trial in missing):
            self._client.set_tag(self.parent, MARK, mark)
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
        name = self._study_run.name
        restored(self._client, self.parent, name, self.notes)
        with self._refusable(name, _FILES):
            for file in files:
                self._client.log_artifact(self.parent, str(file), "report")
            if picture:
                self._log_picture(picture)
        report = next((file.name for file in files if file.suffix == ".html"), "")
        verdicts = [f"{claim.verdict}: {title_of(claim)}" for claim in summary.claims]
        claims = {f"dlstudy.claim.{i}": verdict for i, verdict in enumerate(verdicts, 1)}
        note = describe(summary, self._experiment, self.parent, report, picture is not None)
        tags = {"mlflow.note.content": note, "dlstudy.answer": summary.answer, **claims}
        refused = log_items(self._client, self.parent, tags=tags_of(tags))
        self.refused |= {(name, item): why for item, why in refused.items()}
        self._say_refused(name, self.parent)
        self._client.set_terminated(self.parent, status)

    def log_provenance(self, digest: str, texts: Mapping[str, str]) -> None:
        """Keeps what the study was run from, as text files by name, in its own run; once for each digest."""
        known = self._client.get_run(self.parent).data.tags.get(_SNAPSHOT)
        if known == digest:
            return
        with self._refusable(self._study_run.name, _FILES):
            for name, text in texts.items():
                self._client.log_text(self.parent, text, f"provenance/{name}")
            self._client.set_tag(self.parent, _SNAPSHOT, digest)

    def log_model(self, trial: TrialRecord, folder: Path) -> None:
        """Registers the model folder that a worker wrote as a model of the trial's run, with its pictures, once."""
        from mlflow.entities import LoggedModelOutput

        if not (folder / "MLmodel").is_file():
            return
        run = self._run_of(trial)
        if run is None or _MODEL in run.data.tags:
            return
        run_id, params = run.info.run_id, {param.key: param.value for param in params_of(trial.params)}
        name = f"{self._study_run.study}-{trial.arm}".replace(".", "_")  # MLflow takes no dot in a model's name
        with self._refusable(trial.key, _MODEL_FILES):
            model = self._client.create_logged_model(self._experiment, name=name, source_run_id=run_id, params=params)
            self._client.log_model_artifacts(model.model_id, str(folder))
            self._client.finalize_logged_model(model.model_id, "READY")
            self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
            log_items(self._client, run_id, model_metrics(trial, model.model_id, self._study_run.dataset))
            if figures_beside(folder).is_dir():
                self._client.log_artifacts(run_id, str(figures_beside(folder)), _PICTURES)
            self._client.set_tag(run_id, _MODEL, f"models:/{model.model_id}")
        self._say_refused(trial.key, run_id)

    def register_model(self, trial: TrialRecord, name: str, description: str) -> str:
        """Makes the model of a trial a version of a registered model, once; returns its number, empty without a model.

        Args:
            trial: whose model was logged.
            name: of the registered model, which is made if there is none.
            description: of the version.
        """
        run = self._run_of(trial)
        if run is None or _MODEL not in run.data.tags:
            return ""
        model = self._client.get_logged_model(run.data.tags[_MODEL].rpartition("/")[2])
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name)
        for version in self._client.search_model_versions(f"name = '{name}'"):
            if version.source == model.artifact_location:
                return str(version.version)
        made = self._client.create_model_version(
            name, model.artifact_location, run.info.run_id, description=description, model_id=model.model_id
        )
        return str(made.version)

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
        tags = {tag.key: tag.value for tag in tags_of(tags)}
        run = self._client.create_run(self._experiment, time_ms, tags, run_name=name)
        self.run_ids[trial.key] = str(run.info.run_id)
        with self._refusable(trial.key, "dataset"):
            self._log_dataset(
                run.info.run_id, "testing" if trial.phase in (Phase.REPLICATE, Phase.DEFAULTS) else "training"
            )
        return params_of(params_at_start(trial))

    def _own(self, trial: TrialRecord) -> tuple[list[Any], list[Any], list[Any]]:  # Any: as `own_items`
        """What the study's own code logged to MLflow in a trial; its files are uploaded."""
        folder = self._home.trial_files(self._study_run.study, self._study_run.variant, trial)
        log = None
        with self._refusable(trial.key, _FILES):
            if (output := output_file(folder, trial.key)).is_file():
                self._client.log_artifact(self.run_ids[trial.key], str(output))
            log = OwnLog.read(folder, trial.key)
            if log is not None and (folder / ARTIFACTS).is_dir():
                self._client.log_artifacts(self.run_ids[trial.key], str(folder / ARTIFACTS))
        return ([], [], []) if log is None else own_items(log, trial)

    def _log(
        self, key: str, metrics: Sequence[Any] = (), tags: Sequence[Any] = (), params: Sequence[Any] = ()
    ) -> None:  # Any: MLflow's Metric, RunTag and Param
        refused = log_items(self._client, self.run_ids[key], metrics, tags, params)
        self.refused |= {(key, item): why for item, why in refused.items()}

    @contextmanager
    def _refusable(self, key: str, item: str) -> Iterator[None]:
        """Notes that MLflow refuses something of a trial, so that the rest is written; raises if it is unreachable."""
        try:
            yield
            self.refused.pop((key, item), None)
        except Exception as error:  # each kind of store of files raises its own
            # Where files cannot be stored and MLflow is away too, the request after them says so.
            if not is_refusal(error) and item not in (_FILES, _MODEL_FILES):
                raise
            self.refused[key, item] = without_passwords(describe_error(error))

    def _say_refused(self, key: str, run_id: str) -> None:
        """Names in a run what it lacks."""
        if refused := [f"{item}: {why}" for (of, item), why in self.refused.items() if of == key]:
            log_items(self._client, run_id, tags=tags_of({"dlstudy.refused": "; ".join(refused)}))

    def _log_dataset(self, run_id: str, context: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        about = self._study_run.dataset
        dataset = Dataset(about["name"], about["digest"][:36], "local", about["source"], profile=about["profile"])
        self._client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def _read_runs(self, condition: str) -> None:
        of_study = f"tags.`mlflow.parentRunId` = '{self.parent}'"
        for run in search(self._client, self._experiment, f"{of_study} and {condition}"):
            key = run.data.tags.get("dlstudy.key", "")
            self.run_ids[key] = run.info.run_id
            if run.info.status in ("FINISHED", "FAILED", "KILLED"):
                self._ended.add(key)

    def _epochs_known(self, trial: TrialRecord) -> set[int]:
        """The epochs that MLflow has: each was written as a whole, but not every metric has a value in each."""
        run_id, names = self.run_ids[trial.key], map(accepted_name, trial.history)
        return {metric.step for name in names for metric in self._client.get_metric_history(run_id, name)}


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
