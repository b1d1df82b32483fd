"""What a study sets while it is imported holds in its trainings, and in no other."""

from dlstudy.engines.devices import Slot, cpu_environment
from dlstudy.engines.trainer import Trainer
from dlstudy.training import global_settings
from tests.helpers.trainings import spec_of

SETS = """import keras

keras.config.set_floatx("float64")
keras.config.set_epsilon(1e-5)
keras.config.set_image_data_format("channels_first")
"""
SAYS = """

def extra_metrics(model, x, y, p):
    import keras

    doubles = [weight.dtype == "float64" for weight in model.weights]
    return {"doubles": sum(doubles), "epsilon": keras.config.epsilon()}


STUDY = Study("""


def test_settings_of_a_study_hold_in_its_trainings_only(keras_at_rest, tiny):
    trainer, before = Trainer(Slot("cpu:0", cpu_environment(1))), global_settings.current()
    source = tiny.read_text().replace("STUDY = Study(", SAYS)
    source = source.replace("build=build,", "build=build, extra_metrics=extra_metrics,")
    other = tiny.with_name("doubles.py")
    tiny.write_text(source)
    other.write_text(source.replace("from optuna", f"{SETS}from optuna", 1))
    found = {}
    for path in (other, tiny, other):
        spec = spec_of(study_path=str(path), epochs=1, params={"kind": "net"})
        result = trainer.train(spec, lambda *_: True)
        assert result.trained_by == "epoch graph", (result.reason, result.remarks)
        metrics = {name: result.metrics[f"train_end_{name}"] for name in ("doubles", "epsilon", "loss")}
        assert found.setdefault(path, metrics) == metrics
        assert global_settings.current() == before
    assert (found[tiny]["doubles"], found[tiny]["epsilon"]) == (0, before["epsilon"])
    assert (found[other]["doubles"], found[other]["epsilon"]) == (2, 1e-5)
