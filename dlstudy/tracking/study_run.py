"""The parent run of a study in MLflow: its parameters, tags and data set."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlstudy.analysis.summary import protocol_json
from dlstudy.common.provenance import git_commit, user
from dlstudy.common.version import __version__
from dlstudy.report.tables.reproduction import command
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.saving import origin_of

__all__ = ["StudyRun"]


@dataclass(frozen=True)
class StudyRun:
    """The content of a study's parent run: plain data.

    Args:
        study, variant: names in the record.
        tags: for the parent run and every child: commit, user, versions.
        params: of the parent run: the protocol.
        dataset: name, checksum, source and task of the data set.
        description: shown on the parent run's page until there is an answer.
        arms: their names, in the order that gives them their colours.
        tuned: names of the parameters that searches choose.
    """

    study: str
    variant: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    dataset: Mapping[str, str]
    description: str
    arms: Sequence[str] = ()
    tuned: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of the run, as MLflow and messages show it."""
        return f"{self.study} · {self.variant}"

    @classmethod
    def of(cls, study: ResolvedStudy, reported_variants: bool = False) -> "StudyRun":
        """The parent run of a resolved study, with or without reported figures that have settings of their own."""
        data, protocol = study.about, protocol_json(study)
        typed = command(study.name, origin_of(study.file), study.variant, protocol, reported_variants)
        profile = {"n_train": data.n_train, "n_test": data.n_test, "task": data.task}
        return cls(
            study=study.name,
            variant=str(study.variant),
            tags={**_tags(study, typed), "dlstudy.study": study.name},
            params={name: str(value) for name, value in protocol.items()},
            dataset={
                "name": data.name, "digest": data.sha256, "source": data.source, "profile": json.dumps(profile)
            },
            description=study.question,
            arms=[arm.name for arm in study.arms],
            tuned=sorted({name for arm in study.arms for name in arm.space}),
        )  # fmt: skip


def _tags(study: ResolvedStudy, typed: str) -> dict[str, str]:
    """Tags that MLflow's own fluent interface would have set, and the version of dlstudy."""
    tags = {"mlflow.user": user(), "mlflow.source.name": typed, "mlflow.source.type": "LOCAL"}
    commit = git_commit(study.file.folder)
    if commit:
        tags["mlflow.source.git.commit"] = commit.removesuffix("+")
        tags["mlflow.source.git.dirty"] = str(commit.endswith("+")).lower()
    return {**tags, "dlstudy.version": __version__}
