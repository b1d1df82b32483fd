"""Memory of a training: its peak where the system counts anew, and that of a GPU."""

import numpy as np
import pytest

from dlstudy.training import memory
from dlstudy.training.memory import memory_mb, watch_memory
from tests.helpers.trainings import context_of, run, spec_of

MIB = 2**20
counts_anew = pytest.mark.skipif(not memory._reset_peak(), reason="this system does not count a process's peak anew")


@counts_anew
def test_the_peak_holds_what_was_given_back_since_and_not_what_was_before(keras_at_rest):
    def use_200_mb():
        assert np.ones(200 * MIB // 8).sum() > 0

    most_held, before = watch_memory(), memory_mb()
    use_200_mb()
    assert most_held()["memory_mb"] - before == pytest.approx(200, abs=20)
    assert memory_mb() - before < 20
    assert watch_memory()()["memory_mb"] - before < 20


def test_without_a_peak_it_is_what_is_held_at_the_end(keras_at_rest, monkeypatch):
    monkeypatch.setattr(memory, "_reset_peak", lambda: False)
    most_held = watch_memory()
    held = np.ones(100 * MIB // 8)
    assert most_held()["memory_mb"] == pytest.approx(memory_mb(), abs=5)
    assert held.sum() > 0


@counts_anew
def test_a_trial_costs_its_peak_and_not_that_of_an_earlier_one(keras_at_rest):
    def greedy(p):
        assert np.ones(300 * MIB // 8).sum() > 0
        raise RuntimeError("that was much")

    context = context_of("digits")
    plain = run(context, spec_of(epochs=1)).cost["memory_mb"]
    assert run(context, spec_of(epochs=1), greedy).cost["memory_mb"] > plain + 200
    assert run(context, spec_of(epochs=1)).cost["memory_mb"] < plain + 100


def test_a_gpu_tells_what_tensors_took_since_the_start_of_the_trial(keras_at_rest, monkeypatch):
    import tensorflow as tf

    class Gpu:
        peak = 900 * MIB

        def reset(self, device):
            assert device == "GPU:0"
            self.peak = 0

        def info(self, device):
            assert device == "GPU:0"
            return {"current": 0, "peak": self.peak}

    gpu = Gpu()
    assert "gpu_memory_mb" not in watch_memory()()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "reset_memory_stats", gpu.reset)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", gpu.info)
    most_held = watch_memory()
    gpu.peak = 64.25 * MIB
    assert most_held()["gpu_memory_mb"] == 64.2
