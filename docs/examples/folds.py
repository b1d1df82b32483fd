"""Does a net do better than logistic regression on the breast cancer data?

569 patients are few, so that a verdict could hang on which of them test: each search has another fold.
"""

from optuna.distributions import FloatDistribution, IntDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study


def prepare(x, y, train, p):
    """Columns scaled by the rows that train."""
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(x.iloc[train]).transform(x).astype("float32"), y


def build(p):
    """Logistic regression, or a net with one hidden layer."""
    if p["method"] == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=p["C"], max_iter=2_000)
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Dense(p["units"], activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "binary_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Does a net do better than logistic regression on the breast cancer data?",
    data=Data.sklearn("breast_cancer"),
    prepare=prepare,
    build=build,
    metrics={"auc": "roc_auc"},
    arms=[
        Arm(
            "net",
            {"method": "net"},
            {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True), "units": IntDistribution(4, 64, log=True)},
        ),
        Arm("logistic", {"method": "logistic"}, {"C": FloatDistribution(1e-3, 1e3, log=True)}),
    ],
    protocol=Protocol(epochs=20, split=Split(0.2, test=0.2, random_state=0, resample="folds")),
    claims=[Claim("The net does better", better="net", than="logistic", metric="test_accuracy")],
)
