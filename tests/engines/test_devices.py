"""Which slots a machine has, with a driver that is played and a TensorFlow that is a lambda."""

import shutil

import pytest

from dlstudy.common.gpus import GPU_IS_SHARED, Gpu, gpus
from dlstudy.engines import devices
from dlstudy.engines.devices import Slot, choose_slots, cores, memory_gb, plan_slots, what_tensorflow_sees
from dlstudy.errors import UsageError
from tests.helpers.nvml import Driver, gpu

FIRST = Gpu(0, "GPU-aa11", "NVIDIA A100", 80.0)
SECOND = Gpu(1, "GPU-bb22", "NVIDIA A100", 40.0)
TWO = (gpu("GPU-aa11"), gpu("GPU-bb22", memory_mib=40960))
CPU = {"CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1", "DLSTUDY_THREADS": "1"}


@pytest.fixture
def driver(monkeypatch):
    """A function that plays a driver with these GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(*found):
        played = Driver(*found)
        played.install(monkeypatch)
        return played

    return install


@pytest.fixture
def tensorflow(monkeypatch):
    """A function that says which GPUs TensorFlow sees; the list of what was asked."""
    asked = []

    def sees(*names):
        def ask(function):
            asked.append(function)
            return {"gpus": list(names)}

        monkeypatch.setattr("dlstudy.engines.devices.ask", ask)
        return asked

    return sees


@pytest.fixture
def limits(monkeypatch):
    """A function that sets what the container's control group says."""

    def say(**texts):
        monkeypatch.setattr(devices, "_read", lambda path: texts.get(path.rpartition("/")[2].replace(".", "_"), ""))

    return say


def test_gpus_are_those_that_the_driver_lists(driver):
    played = driver(*TWO)
    assert gpus() == (FIRST, SECOND)
    assert played.n_open == 0


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a driver")
def test_without_a_driver_there_is_no_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus() == ()


def test_a_driver_may_list_nothing(driver):
    driver()
    assert gpus() == ()


def test_a_gpu_that_has_fallen_off_the_bus_is_left_out(driver):
    driver(gpu("GPU-dead", lost=True), TWO[1])
    assert gpus() == (SECOND,)


def test_a_driver_that_does_not_tell_the_memory_still_has_its_gpu(driver):
    driver(gpu("GPU-aa11", name="NVIDIA GB10", memory_mib=None))
    assert gpus() == (Gpu(0, "GPU-aa11", "NVIDIA GB10", 0.0),)


def test_each_instance_of_a_divided_gpu_is_one_by_itself(driver, monkeypatch):
    driver(gpu("GPU-aa11", mig={0: "MIG-1", 5: "MIG-2"}), gpu("GPU-bb22", mig={}))
    parts = (Gpu(0, "MIG-1", "NVIDIA A100", 10.0, mig=0), Gpu(0, "MIG-2", "NVIDIA A100", 10.0, mig=5))
    assert gpus() == (*parts, Gpu(1, "GPU-bb22", "NVIDIA A100", 80.0))
    slots = plan_slots(gpus(), 8, 64)
    assert [slot.name for slot in slots] == ["gpu:0:0", "gpu:0:5", "gpu:1"]
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["MIG-1", "MIG-2", "GPU-bb22"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert gpus() == parts[:1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-2")
    assert gpus() == parts[1:]


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        ("0", (FIRST,)),
        ("1,0", (SECOND, FIRST)),
        (" 1 , 0 ", (SECOND, FIRST)),
        ("GPU-bb22", (SECOND,)),
        ("GPU-b,0", (SECOND, FIRST)),
        ("", ()),
        ("-1", ()),
        ("0,-1,1", (FIRST,)),
        ("0,7,1", (FIRST,)),
        ("7,0", ()),
        ("none", ()),
        ("0,,1", (FIRST,)),
    ],
)
def test_cuda_visible_devices_picks_and_orders_as_cuda_does(driver, monkeypatch, allowed, found):
    driver(*TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert gpus() == found


def test_a_gpu_slot_names_its_gpu_by_uuid_before_tensorflow_starts():
    assert plan_slots((FIRST, SECOND), n_cores=8, total_gb=64) == tuple(
        Slot(
            f"gpu:{gpu.index}",
            {
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                "CUDA_VISIBLE_DEVICES": gpu.uuid,
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            },
            gpu.memory_gb,
        )
        for gpu in (FIRST, SECOND)
    )


def test_a_gpu_without_uuid_goes_by_its_index():
    slot = plan_slots((Gpu(3, "", "old", 8.0),), 8, 64)[0]
    assert (slot.name, slot.environment["CUDA_VISIBLE_DEVICES"]) == ("gpu:3", "3")


def test_trials_that_share_gpus_fill_each_gpu_once_before_any_twice():
    slots = plan_slots((FIRST, SECOND), 8, 64, per_gpu=2)
    assert [slot.name for slot in slots] == ["gpu:0/0", "gpu:1/0", "gpu:0/1", "gpu:1/1"]
    assert [slot.memory_gb for slot in slots] == [40.0, 20.0, 40.0, 20.0]
    visible = [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots]
    assert visible == ["GPU-aa11", "GPU-bb22", "GPU-aa11", "GPU-bb22"]
    assert all(slot.environment[GPU_IS_SHARED] == "1" for slot in slots)


def test_fewer_workers_take_the_first_gpu_slots():
    assert [slot.name for slot in plan_slots((FIRST, SECOND), 8, 64, workers=1)] == ["gpu:0"]
    assert [slot.name for slot in plan_slots((FIRST, SECOND), 8, 64, 3, 2)] == ["gpu:0/0", "gpu:1/0", "gpu:0/1"]


@pytest.mark.parametrize(("workers", "n"), [(None, 4), (1, 1), (2, 2), (9, 9)])
def test_without_gpus_each_core_is_a_slot_of_one_thread(workers, n):
    slots = plan_slots((), n_cores=4, total_gb=18, workers=workers)
    assert slots == tuple(Slot(f"cpu:{i}", CPU, 18 / n) for i in range(n))


def test_a_slot_knows_whether_it_is_on_a_gpu():
    assert [Slot(name).on_gpu for name in ("gpu:0", "gpu:0/1", "cpu:0")] == [True, True, False]


@pytest.mark.parametrize(
    ("found", "workers", "per_gpu", "message"),
    [
        ((), 0, 1, "--workers must be at least 1, got 0"),
        ((FIRST,), -1, 1, "--workers must be at least 1, got -1"),
        ((FIRST,), None, 0, "--per-gpu must be at least 1, got 0"),
        ((FIRST,), 2, 1, "1 GPU with 1 trial each give 1 slots, got --workers 2: raise --per-gpu, or set CUDA_VIS"),
        ((FIRST, SECOND), 5, 2, "2 GPU with 2 trial each give 4 slots, got --workers 5"),
    ],
)
def test_slots_that_cannot_be_are_refused(found, workers, per_gpu, message):
    with pytest.raises(UsageError, match=message):
        plan_slots(found, 4, 16, workers, per_gpu)


def test_gpus_that_tensorflow_sees_are_used(driver, tensorflow):
    driver(*TWO)
    asked = tensorflow("/physical_device:GPU:0", "/physical_device:GPU:1")
    slots, remark = choose_slots(per_gpu=2)
    assert ([slot.name for slot in slots], remark) == (["gpu:0/0", "gpu:1/0", "gpu:0/1", "gpu:1/1"], "")
    assert asked == [what_tensorflow_sees]


def test_gpus_that_tensorflow_does_not_see_are_remarked_on(driver, tensorflow, limits):
    driver(*TWO)
    tensorflow()
    limits(memory_max=str(8 * 2**30))
    slots, remark = choose_slots(workers=2)
    assert slots == (Slot("cpu:0", CPU, 4.0), Slot("cpu:1", CPU, 4.0))
    assert remark == (
        "2 GPU found by the driver, but TensorFlow sees none: install the extra dlstudy[gpu]; training on CPU cores"
    )


@pytest.mark.parametrize("allowed", [None, "-1"])
def test_without_gpus_tensorflow_is_not_even_asked(driver, tensorflow, monkeypatch, allowed):
    asked = tensorflow("/physical_device:GPU:0")
    if allowed is not None:
        driver(*TWO)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    slots, remark = choose_slots(workers=1)
    assert ([slot.name for slot in slots], remark, asked) == (["cpu:0"], "", [])


@pytest.mark.parametrize(
    ("limit", "n"),
    [
        ("", 8),
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("9900000 100000", 8),
    ],
)
def test_cores_are_those_that_the_container_allows(monkeypatch, limits, limit, n):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    limits(cpu_max=limit)
    assert cores() == n


@pytest.mark.parametrize(("limit", "gb"), [("", 16), ("max\n", 16), (f"{4 * 2**30}\n", 4), (f"{64 * 2**30}", 16)])
def test_memory_is_what_the_container_allows(monkeypatch, limits, limit, gb):
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4 * 2**20}
    monkeypatch.setattr("os.sysconf", sizes.__getitem__)
    limits(memory_max=limit)
    assert memory_gb() == gb


def test_a_trial_on_several_gpus_has_a_slot_of_as_many():
    third, fourth = Gpu(2, "GPU-cc33", "NVIDIA A100", 80.0), Gpu(3, "", "NVIDIA A100", 80.0)
    slots = plan_slots((FIRST, SECOND, third, fourth), 8, 64, gpus_each=2)
    assert [(slot.name, slot.memory_gb) for slot in slots] == [("gpu:0+1", 40.0), ("gpu:2+3", 80.0)]
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["GPU-aa11,GPU-bb22", "GPU-cc33,3"]
    assert [slot.name for slot in plan_slots((FIRST, SECOND, third), 8, 64, gpus_each=2)] == ["gpu:0+1"], "one is left"
    assert [slot.name for slot in plan_slots((FIRST, SECOND, third, fourth), 8, 64, 1, gpus_each=2)] == ["gpu:0+1"]


def test_without_gpus_parts_of_a_cpu_stand_for_them():
    (slot,) = plan_slots((), n_cores=1, total_gb=8, gpus_each=3)
    assert slot == Slot("cpu:0", {**CPU, "DLSTUDY_CPU_PARTS": "3"}, 8.0)


def test_a_trial_on_more_gpus_than_there_are_is_refused():
    with pytest.raises(UsageError, match=r"an arm trains on 3 GPUs at once, and this machine has 2: change Arm\.gpus"):
        plan_slots((FIRST, SECOND), 8, 64, gpus_each=3)
    with pytest.raises(UsageError, match="this machine has 2, enough for 1 at a time, got --workers 2: lower it"):
        plan_slots((FIRST, SECOND), 8, 64, workers=2, gpus_each=2)
    with pytest.raises(UsageError, match="an arm trains on 2 whole GPUs at once, got --per-gpu 2: leave it out"):
        plan_slots((FIRST, SECOND), 8, 64, per_gpu=2, gpus_each=2)
