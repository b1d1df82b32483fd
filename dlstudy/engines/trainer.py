"""What a worker keeps between trials: Keras, the data and the studies it has loaded."""

from pathlib import Path

from threadpoolctl import threadpool_limits

from dlstudy.datasets import registry
from dlstudy.engines.devices import Slot
from dlstudy.errors import DlstudyError
from dlstudy.study import loader
from dlstudy.study.trial import TrialResult, TrialSpec
from dlstudy.training.arrays import OnEpoch, prepare
from dlstudy.training.shared_memory import SharedArrays, Source
from dlstudy.training.study_functions import Code
from dlstudy.training.train import Workplace, train

__all__ = ["Trainer"]


class Trainer:
    """Trains trial after trial in this process. Imports TensorFlow when made."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._places: dict[str, Workplace] = {}
        self._codes: dict[str, Code] = {}
        _configure(slot)

    def train(self, spec: TrialSpec, on_epoch: OnEpoch) -> TrialResult:
        """Trains one trial; see `dlstudy.training.run.train`."""
        if spec.study_path not in self._codes:
            self._codes[spec.study_path] = Code.of(loader.load(Path(spec.study_path)).study)
        if spec.dataset not in self._places:
            self.use(SharedArrays.of(registry.load(spec.dataset)))
        return train(spec, self._codes[spec.study_path], self._places[spec.dataset], on_epoch)

    def use(self, source: Source) -> None:
        """Brings a data set to the device."""
        self._places[source.description.name] = Workplace(source.description, prepare(source, self._slot.memory_gb))


def _configure(slot: Slot) -> None:
    import tensorflow as tf

    threads = int(slot.environment.get("DLSTUDY_THREADS", "0"))
    if threads:
        # NumPy read the environment when it was imported, which may have been before a slot had one: another number of
        # threads adds in another order.
        threadpool_limits(threads, "blas")
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:  # inline, in a process where TensorFlow already runs: its owner has chosen
            pass
    if slot.on_gpu:
        found = tf.config.list_physical_devices("GPU")
        if not found:
            raise DlstudyError(f"TensorFlow sees no GPU in slot {slot.name}: install the extra dlstudy[gpu] there")
        for gpu in found:
            tf.config.experimental.set_memory_growth(gpu, True)
        # GPU kernels that add in any order would break "same seed, same numbers".
        tf.config.experimental.enable_op_determinism()
