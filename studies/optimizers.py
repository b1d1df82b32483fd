"""Which optimizer trains the course's MNIST classifier best: SGD, Adam or RMSprop?

The course trains one net with each optimizer once, all three at a learning rate of 0.01, and reads the winner off the
test images. A rate that suits one optimizer need not suit another, and one run says nothing about luck. Here the
`reported` phase repeats the course's own setting on several seeds; then the rate of each optimizer is tuned on its own
with the same number of trials, and the tuned winners meet on fresh paired seeds, as do Keras's default rates.

Source: the course's optimizer comparison: Flatten, Dense 128 relu, Dropout 0.2, Dense 10 softmax; pixels / 255;
batch 32, 10 epochs; "validated" on the 10,000 test images, so its val figures are called test here.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Reported, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
COURSE = {"learning_rate": 0.01}


def build(p: dict[str, Any]) -> Any:
    """The course's classifier with the optimizer and learning rate of p."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(p["n_classes"], activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.get({"class_name": p["optimizer"], "config": {"learning_rate": p["learning_rate"]}})
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def arm(optimizer: str, keras_rate: float, text: str) -> Arm:
    """An optimizer, all but its rate as Keras has it."""
    defaults = {"learning_rate": keras_rate}
    return Arm(optimizer.lower(), {"optimizer": optimizer}, RATE, reported=COURSE, defaults=defaults, text=text)


STUDY = Study(
    question="Which optimizer trains the course's MNIST classifier best: SGD, Adam or RMSprop?",
    dataset="mnist",
    build=build,
    arms=[
        arm("SGD", 0.01, "plain stochastic gradient descent"),
        arm("Adam", 0.001, "Adam, all but its rate as Keras has it"),
        arm("RMSprop", 0.001, "RMSprop, all but its rate as Keras has it"),
    ],
    protocol=Protocol(
        epochs=10, batch_size=32, metric="val_accuracy", direction="maximize",
        split=Split(validation=5_000), reported_split=Split(),
    ),
    reported=[
        *Reported.several("sgd", epoch=10, train_accuracy="0.9465", test_accuracy="0.9560",
                          train_loss="0.1883", test_loss="0.1530"),
        *Reported.several("adam", epoch=10, train_accuracy="0.9549", test_accuracy="0.9591",
                          train_loss="0.1803", test_loss="0.2242"),
        *Reported.several("rmsprop", epoch=10, train_accuracy="0.9576", test_accuracy="0.9645",
                          train_loss="0.3231", test_loss="0.4432"),
        *Reported.several("adam", epoch=10, setting={"batch_size": 64}, train_accuracy="0.9645",
                          test_accuracy="0.9666", train_loss="0.1301", test_loss="0.1537"),
    ],
    claims=[
        Claim("RMSprop achieved the highest validation accuracy (at the course's rate)",
              better="rmsprop", than=("sgd", "adam"), metric="test_accuracy", phase="reported"),
        Claim("RMSprop achieved the lowest validation loss of 0.4432 (at the course's rate)",
              better="rmsprop", than=("sgd", "adam"), metric="test_loss", phase="reported"),
        Claim("RMSprop performed the best among the three (each at its own best rate)",
              better="rmsprop", than=("sgd", "adam"), metric="test_accuracy"),
        Claim("Adam typically converges faster than SGD (validation accuracy after one epoch)",
              better="adam", than="sgd", metric="val_accuracy", epoch=1),
        Claim("Adam often shows faster convergence than RMSprop (validation accuracy after one epoch)",
              better="adam", than="rmsprop", metric="val_accuracy", epoch=1),
        Claim("RMSprop, Adadelta and Adam have similar effects in many cases",
              untestable="Adadelta is not an arm here; the study descent tests it on a linear regression"),
        Claim("Adam needs less tuning than SGD (accuracy that tuning gains over Keras's default rate)",
              better="adam", than="sgd", metric="test_accuracy", phase="tuning"),
        Claim("Adam beats RMSprop as gradients get sparse",
              untestable="the gradients of this net are dense; the study descent has sparse ones"),
        Claim("Adagrad needs no tuned rate", untestable="Adagrad is not an arm here; it is one in the study descent"),
    ],
)  # fmt: skip
