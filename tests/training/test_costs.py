"""What a trial costs: processor time of all threads, and what the driver of its GPU tells."""

import threading
import time

import pytest

from dlstudy.common.gpus import GPU_IS_SHARED
from dlstudy.training import gpu_use
from dlstudy.training.costs import CostMeter
from dlstudy.training.gpu_use import gpu_meter
from tests.helpers.nvml import Driver, gpu


@pytest.fixture
def driver(monkeypatch):
    """A function that plays a driver with these GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu_use, "_SAMPLE_S", 0.01)
    gpu_use._own_gpu.cache_clear()
    yield lambda *found: Driver(*found).install(monkeypatch)
    gpu_use._own_gpu.cache_clear()


def busy(seconds):
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


def test_processor_time_is_that_of_all_threads_since_the_start(keras_at_rest):
    busy(0.1)
    meter = CostMeter()
    threads = [threading.Thread(target=busy, args=(0.2,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.2)
    cost = meter.stop({})
    assert cost["cpu_seconds"] == pytest.approx(0.4, abs=0.09)
    assert cost["seconds"] > 0.2


def test_what_was_spent_before_an_interruption_counts(keras_at_rest):
    cost = CostMeter().stop({"seconds": 100.0, "cpu_seconds": 50.0, "gpu_energy_j": 7.0})
    assert (int(cost["seconds"]), int(cost["cpu_seconds"])) == (100, 50)


def test_the_gpu_is_the_one_that_the_process_may_use(driver, monkeypatch):
    driver(gpu("GPU-other", percent=0, watts=1.0), gpu("GPU-own", percent=80, watts=300.0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-own")
    meter = gpu_meter()
    time.sleep(0.2)
    found = meter.stop()
    assert found["gpu_utilization_percent"] == 80
    assert found["gpu_power_w"] == pytest.approx(300, rel=0.1)
    assert meter.energy_j >= 0.2 * 300 * 0.9


def test_before_volta_energy_is_the_mean_power_over_the_time(driver):
    driver(gpu("GPU-old", watts=100.0, counter=False))
    meter = gpu_meter()
    time.sleep(0.2)
    found = meter.stop()
    assert found["gpu_power_w"] == 100
    assert meter.energy_j == pytest.approx(20, rel=0.5)


def test_nothing_is_said_of_a_gpu_that_others_use_too(driver, monkeypatch):
    driver(gpu("GPU-own", mig={0: "MIG-1"}))
    assert gpu_meter() is None
    gpu_use._own_gpu.cache_clear()
    driver(gpu("GPU-own"))
    monkeypatch.setenv(GPU_IS_SHARED, "1")
    assert gpu_meter() is None
    monkeypatch.delenv(GPU_IS_SHARED)
    assert gpu_meter().stop()


def test_without_a_gpu_nothing_is_measured(driver):
    driver()
    assert gpu_meter() is None
