"""Is a net better than logistic regression? The study of home-1-full in the names of this version."""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Reported, Split, Study

RATE = {"rate": FloatDistribution(0.01, 1.0, log=True)}


def build(p):
    if p["kind"] == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=p["rate"], max_iter=500)
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
    model.compile(
        keras.optimizers.SGD(p["rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=p["kind"] == "eager",
    )
    return model


STUDY = Study(
    question="Is a net better than logistic regression?",
    dataset="digits",
    build=build,
    arms=[
        Arm("net", setting={"kind": "net"}, space=RATE, reported={"rate": 0.1}, defaults={"rate": 0.01}),
        Arm("eager", setting={"kind": "eager", "rate": 0.1}),
        Arm("logistic", setting={"kind": "logistic"}, space=RATE, reported={"rate": 1.0}),
    ],
    protocol=Protocol(
        searches=1, epochs=2, trials=2, seeds=7, split=Split(validation=200), reported_split=Split(), rows=400
    ),
    reported=[
        Reported("net", "test_accuracy", "0.85"),
        Reported("net", "test_accuracy", "0.86", setting={"batch_size": 16}),
    ],
    derived=[Derived("the parameters of the net", "650", 64 * 10 + 10)],
    claims=[
        Claim("the net is better", better="net", than="logistic", metric="test_accuracy"),
        Claim("as reported, it is better too", "net", "logistic", "test_accuracy", phase="reported", rope=0.001),
    ],
    rank_arms=True,
)
