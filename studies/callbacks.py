"""What do Keras's callbacks buy: early stopping, a lower rate on a plateau, training on from a checkpoint?

The course trains one classifier for 30 epochs, loads its best checkpoint and trains on with early stopping. It has no
run with early stopping from the start, and none with ReduceLROnPlateau, which it names. Here the four differ in their
callbacks alone: net, batches and seeds are the same, the learning rate of each is tuned, and each keeps a checkpoint
of its best weights, as the course does. The reported setting has the course's 30 epochs; search and replicates have 20.

Source: the course's long training on MNIST: Flatten, Dense 300 relu, Dense 100 relu, Dense 10 softmax; pixels / 255;
SGD at 0.01, batch 32, the first 5,000 training images for validation. Its patience of 5 is read off where it stopped.
"""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Reported, Split, Study
from dlstudy.toolkit import plots

RATE = {"learning_rate": FloatDistribution(0.01, 0.3, log=True)}
COURSE = {"learning_rate": 0.01, "epochs": 30}


def build(p: dict[str, Any]) -> Any:
    """The course's classifier."""
    import keras

    hidden = [keras.layers.Dense(units, activation="relu") for units in (300, 100)]
    output = keras.layers.Dense(p["n_classes"], activation="softmax")
    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Flatten(), *hidden, output])
    optimizer = keras.optimizers.SGD(p["learning_rate"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def callbacks(p: Mapping[str, Any]) -> list[Any]:
    """A checkpoint of the best weights, what the arm adds, and TensorBoard's logs where TensorBoard is installed."""
    from importlib.util import find_spec

    import keras

    chosen = [keras.callbacks.ModelCheckpoint(f"{p['folder']}/best.keras", save_best_only=True)]
    if p.get("stop_early"):
        chosen.append(early_stopping())
    if p.get("reduce_rate"):
        chosen.append(keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2))
    if find_spec("tensorboard"):
        chosen.append(keras.callbacks.TensorBoard(p["logs"]))
    return chosen


def continue_training(_: Any, p: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """The model of the checkpoint, trained on until validation stops it."""
    import keras

    return keras.models.load_model(f"{p['folder']}/best.keras"), [early_stopping()]


def early_stopping() -> Any:
    """The course's early stopping."""
    import keras

    return keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)


def figures(model: Any, x: Any, y: Any, _: Mapping[str, Any]) -> dict[str, Any]:
    """The first three test images with what the model takes them for."""
    shares = model.predict(x[:3], verbose=0)
    titles = [f"predicted {s.argmax()} ({s.max():.1%}), true {label}" for s, label in zip(shares, y, strict=False)]
    return {"first three test images": plots.images(x[:3], titles)}


STUDY = Study(
    question="What do callbacks buy: early stopping, a lower rate on a plateau, training on from a checkpoint?",
    dataset="mnist", other_datasets=["fashion_mnist"],
    build=build, callbacks=callbacks, continue_training=continue_training, figures=figures,
    arms=[
        Arm("straight", space=RATE, reported=COURSE, text="every epoch to the end, the last weights"),
        Arm("early_stopping", {"stop_early": True}, RATE, text="patience 5, the best weights"),
        Arm("reduce_lr", {"reduce_rate": True}, RATE, text="half the rate after 2 epochs without gain"),
        Arm("continued", {"more_epochs": 30}, RATE, reported=COURSE,
            text="every epoch to the end, then on from the best checkpoint, with early stopping"),
    ],
    protocol=Protocol(
        epochs=20, batch_size=32, trials=3, metric="val_loss", direction="minimize",
        split=Split(validation=5_000),
    ),
    reported=[
        *Reported.several("straight", epoch=1, val_accuracy="0.9170", val_loss="0.3059"),
        *Reported.several("straight", epoch=30, train_accuracy="0.9940", train_loss="0.0279",
                          val_accuracy="0.9806", val_loss="0.0689"),
        *Reported.several("straight", test_accuracy="0.9777", test_loss="0.0693"),
        *Reported.several("continued", val_accuracy="0.9800", val_loss="0.066010",
                          place="the best epoch of the second training, its 11th"),
        *Reported.several("continued", epoch=45, val_accuracy="0.9812", val_loss="0.066026",
                          place="the 15th epoch of the second training"),
    ],
    derived=[
        Derived("steps of an epoch: 55,000 rows in batches of 32", "1,719", -(-55_000 // 32)),
        Derived("parameters of the network", "266,610", (784 + 1) * 300 + (300 + 1) * 100 + (100 + 1) * 10),
    ],
    claims=[
        Claim("Early stopping saves epochs, where the rate is tuned",
              better="early_stopping", than="straight", metric="train_epochs"),
        Claim("Early stopping costs no accuracy, where the rate is tuned",
              better="early_stopping", than="straight", metric="test_accuracy", margin=0.002),
        Claim("Training on from the checkpoint lowers the loss, at the course's rate",
              better="continued", than="straight", metric="test_loss", phase="reported"),
    ],
    remarks=[
        "At the course's rate of 0.01 the lowest validation loss comes about the 30th epoch and later: early stopping "
        "would have saved next to nothing there, and training on is much the same as more epochs in the first place.",
        "Epoch 45 is the course's 15th epoch after the checkpoint, counted on from 30, though the best weights of "
        "the first training may be of an earlier epoch.",
    ],
)  # fmt: skip
