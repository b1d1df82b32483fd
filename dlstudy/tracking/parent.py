"""The experiment and the parent run of a study in MLflow: found, restored where a user deleted them, or made."""

from typing import Any

from dlstudy.store.home import Home
from dlstudy.tracking.accepted import log_items, params_of, tags_of
from dlstudy.tracking.pages import as_markdown
from dlstudy.tracking.study_run import StudyRun

__all__ = ["MARK", "find_experiment", "find_parent", "restored", "search"]

MARK = "dlstudy.written"
"""A tag of the parent run: which trials MLflow has completely, and when the last of them ended."""
_MOST_RUN_NAME = 250


def find_experiment(client: Any, name: str, home: Home) -> str:  # Any: MLflow's client
    """The id of the experiment of that name: restored with its runs if it was deleted, made if there is none."""
    found = client.get_experiment_by_name(name)
    if found is None:  # a server decides where artifacts go; without one it is the results folder, not ./mlruns
        location = None if client.tracking_uri.startswith("http") else home.artifacts.as_uri()
        return str(client.create_experiment(name, location))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def find_parent(client: Any, experiment: str, about: StudyRun, notes: list[str]) -> tuple[str, str]:  # Any: as above
    """The parent run of a study, set to running: the one there is, else the deleted one restored, else a new one.

    Of several, the one with the trials that ended last. A restored run begins without its mark: those of its trials
    that were deleted with it are written again.

    Args:
        client, experiment: where.
        about: the study.
        notes: gets a line for the user if the run was deleted, or is not the only one.

    Returns:
        Its id; its mark, empty if it has none.
    """
    from mlflow.entities import ViewType

    condition = f"tags.`dlstudy.variant` = '{about.variant}' and tags.`dlstudy.kind` = 'study'"
    name = about.name
    if found := search(client, experiment, condition):
        marks = {str(run.info.run_id): str(run.data.tags.get(MARK, "")) for run in found}
        parent = max(marks, key=lambda run_id: _last_end(marks[run_id]))
        if len(found) > 1:
            others = ", ".join(run_id for run_id in marks if run_id != parent)
            notes.append(
                f"MLflow has {len(found)} runs of {name}: this one is written to run {parent}; delete what you do "
                f"not need of {others}"
            )
        client.update_run(parent, status="RUNNING")
        return parent, marks[parent]
    if deleted := search(client, experiment, condition, ViewType.DELETED_ONLY):
        parent = str(deleted[0].info.run_id)
        restored(client, parent, name, notes)
        client.update_run(parent, status="RUNNING")
        return parent, ""
    tags = {
        **about.tags,
        "dlstudy.kind": "study",
        "dlstudy.variant": about.variant,
        "mlflow.note.content": as_markdown(about.description),
    }
    tags = {tag.key: tag.value for tag in tags_of(tags)}
    run = client.create_run(experiment, tags=tags, run_name=name[:_MOST_RUN_NAME])
    log_items(client, run.info.run_id, params=params_of(about.params))
    return str(run.info.run_id), ""


def restored(client: Any, parent: str, name: str, notes: list[str]) -> bool:  # Any: as above
    """Restores a parent run if a user has deleted it; returns whether it was."""
    if client.get_run(parent).info.lifecycle_stage != "deleted":
        return False
    client.restore_run(parent)
    notes.append(f"the run of {name} had been deleted in MLflow: it was restored, and what it lacks is written again")
    return True


def search(client: Any, experiment: str, condition: str, view: int = 1) -> list[Any]:  # Any: MLflow's client and Run
    """All runs of an experiment that meet a condition, the newest first.

    Args:
        client, experiment, condition: where, and which.
        view: a `ViewType` of MLflow: active runs, unless it says otherwise.
    """
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], condition, view, max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _last_end(mark: str) -> float:
    try:
        return float(mark.partition(" ")[0])
    except ValueError:
        return 0.0
