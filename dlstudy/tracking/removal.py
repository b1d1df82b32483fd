"""Takes a study out of MLflow: its runs are deleted there, and found no more by later runs of the study."""

import subprocess
import sys
from collections.abc import Sequence

from dlstudy.common.text import one_line
from dlstudy.errors import StoreError
from dlstudy.tracking.parent import search
from dlstudy.tracking.stores import is_unmade

__all__ = ["purge_runs", "remove_runs"]

_REMOVED = "removed"
_AT_ONCE = 500  # on one command line


def remove_runs(uri: str, study: str, variants: Sequence[str], *, only_count: bool = False) -> int:
    """Deletes the runs of variants of a study; returns how many there are.

    MLflow keeps what is deleted until `mlflow gc`, and its registry keeps registered models.

    Args:
        uri: of the store.
        study, variants: by their names in the record.
        only_count: delete nothing.
    """
    if is_unmade(uri):
        return 0
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(study)
    if experiment is None or experiment.lifecycle_stage == "deleted":
        return 0
    found = [
        run
        for name in variants
        for run in search(client, experiment.experiment_id, f"tags.`dlstudy.variant` = '{name}'")
    ]
    for run in () if only_count else found:
        # Else the next run of the study would restore its own run, as one that a user has deleted in MLflow.
        client.set_tag(run.info.run_id, "dlstudy.kind", _REMOVED)
        client.delete_run(run.info.run_id)
    return len(found)


def purge_runs(uri: str, *, only_count: bool = False) -> int:
    """Has MLflow forget the runs that `remove_runs` deleted, with their artifacts; returns how many there are.

    Args:
        uri: of a store that is no server: those are cleared where they run.
        only_count: leave them.

    Raises:
        StoreError: MLflow could not.
    """
    if is_unmade(uri) or uri.startswith("http"):
        return 0
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(tracking_uri=uri)
    where = f"tags.`dlstudy.kind` = '{_REMOVED}'"
    found = [
        run.info.run_id
        for experiment in client.search_experiments(ViewType.ALL)
        for run in search(client, experiment.experiment_id, where, ViewType.DELETED_ONLY)
    ]
    for i in range(0, 0 if only_count else len(found), _AT_ONCE):
        words = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri]
        done = subprocess.run(
            [*words, "--run-ids", ",".join(found[i : i + _AT_ONCE])], capture_output=True, text=True, check=False
        )
        if done.returncode:
            why = one_line((done.stderr.strip().splitlines() or ["no reason given"])[-1])
            raise StoreError(
                f"MLflow could not forget deleted runs ({why}): correct that, then run the same command again"
            )
    return len(found)
