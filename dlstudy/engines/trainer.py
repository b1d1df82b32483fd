"""The trainer of a worker, which keeps Keras, the data sets and the loaded studies between trials."""

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from threadpoolctl import threadpool_limits

from dlstudy.common.nesting import running_inside
from dlstudy.common.opened_files import opened_files, unwatched
from dlstudy.datasets.cache import cache_folder
from dlstudy.engines.devices import CPU_PARTS, Slot
from dlstudy.errors import DlstudyError, StudyError
from dlstudy.study import loader
from dlstudy.study.archive import place_of
from dlstudy.study.input_files import names_of
from dlstudy.study.loader import StudyFile
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState
from dlstudy.training import global_settings
from dlstudy.training.arrays import Arrays, OnEpoch, prepare
from dlstudy.training.checkpoints import OnCheckpoint
from dlstudy.training.global_settings import Settings
from dlstudy.training.self_check import graph_fault
from dlstudy.training.shared_memory import Source, filled
from dlstudy.training.streams import stream_of
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train

__all__ = ["Trainer"]


class Trainer:
    """Trains trial after trial in this process. Imports TensorFlow when made, and checks it: see `graph_fault`."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._contexts: dict[str, DatasetContext] = {}
        self._files: dict[str, tuple[StudyFile, Settings]] = {}
        _configure(slot)
        self._graph_fault = graph_fault()

    def train(self, spec: TrialSpec, on_epoch: OnEpoch, on_checkpoint: OnCheckpoint = lambda _: None) -> TrialResult:
        """Trains one trial; see `dlstudy.training.train.train`. The result has the files that the study opens."""
        study = Path(spec.study_path)
        folder = place_of(study).parent
        own = [Path(place) for place in (spec.folder, spec.model_folder, spec.checkpoint) if place]

        def tell(epoch: int, metrics: Mapping[str, float]) -> bool:
            with unwatched():  # the record is written there, if this is the parent process
                return on_epoch(epoch, metrics)

        with opened_files(folder, [study, cache_folder(), *own]) as opened:
            result = self._train(spec, tell, on_checkpoint)
        return dataclasses.replace(result, opened=names_of(opened.paths, folder))

    def _train(self, spec: TrialSpec, on_epoch: OnEpoch, on_checkpoint: OnCheckpoint) -> TrialResult:
        if spec.study_path not in self._files:
            try:
                self._load(spec.study_path)
            except StudyError as error:  # what it reads may be there for the parent, and not here
                return TrialResult(TrialState.FAILED, str(error))
        file, settings = self._files[spec.study_path]
        if spec.dataset not in self._contexts:
            self.use(filled(spec.dataset), file)
        # Its own modules for imports inside of the study's functions.
        with file.modules.importable(), global_settings.restored(), running_inside("a training"):
            global_settings.set_all(settings)
            return train(spec, StudyFunctions.of(file.study), self._contexts[spec.dataset], on_epoch, on_checkpoint)

    def use(self, source: Source, file: StudyFile | None = None) -> None:
        """Brings a data set to the device; a stream as the study in the file gives it, later where there is no file."""
        about = source.description
        if about.is_stream and file is None:
            return
        stream = stream_of(file) if about.is_stream and file is not None else None
        arrays = Arrays(None, None, None, None) if stream else prepare(source, self._slot.memory_gb)
        self._contexts[about.name] = DatasetContext(about, arrays, graph_fault=self._graph_fault, stream=stream)

    def _load(self, path: str) -> None:
        """Loads a study, with what it sets in Keras and TensorFlow while it is imported."""
        import keras

        before = global_settings.current()
        keras.utils.clear_session(free_memory=False)  # or the precision policy would not follow the study's float type
        try:
            file = loader.load(Path(path))
            self._files[path] = file, global_settings.current()
        finally:
            global_settings.set_all(before)


def _configure(slot: Slot) -> None:
    import tensorflow as tf

    threads = int(slot.environment.get("DLSTUDY_THREADS", "0"))
    if threads:
        # NumPy read the environment when it was imported, which may have been before the slot's was set. Another number
        # of threads adds in another order.
        threadpool_limits(threads, "blas")
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:  # inline, in a process where TensorFlow already runs and its threads are chosen
            pass
    if n_parts := int(slot.environment.get(CPU_PARTS, "0")):
        with suppress(RuntimeError):  # as above; a training says that there are too few
            cpu = tf.config.list_physical_devices("CPU")[0]
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * n_parts)
    if slot.on_gpu:
        found = tf.config.list_physical_devices("GPU")
        if not found:
            raise DlstudyError(f"TensorFlow sees no GPU in slot {slot.name}: install the extra dlstudy[gpu] there")
        for gpu in found:
            tf.config.experimental.set_memory_growth(gpu, True)
        # GPU kernels that add in any order would break "same seed, same numbers".
        tf.config.experimental.enable_op_determinism()
