"""Does a net do better than gradient boosting on the passengers of the Titanic?

A table with categories and missing values. Those who travelled on one ticket are a group: none is in two parts.
"""

from optuna.distributions import FloatDistribution, IntDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = FloatDistribution(1e-4, 1e-1, log=True)


def data():
    """Sex, age, class, fare, family and port; 1,309 passengers."""
    unused = ["name", "boat", "body", "cabin", "home.dest"]
    return Data.csv("titanic.csv", target="survived", drop=unused, groups="ticket", label_names=["died", "survived"])


def prepare(x, y, train, p):
    """Numbers scaled, gaps filled, a column for each category; fitted to the rows that train."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encode = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    return encode.fit(x.iloc[train]).transform(x).astype("float32"), y


def build(p):
    """Gradient boosting, or a net with one hidden layer."""
    if p["method"] == "boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(learning_rate=p["learning_rate"], max_iter=p["trees"])
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Dense(p["units"], activation="relu"),
            keras.layers.Dropout(p["dropout"]),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "binary_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Does a net do better than gradient boosting on the passengers of the Titanic?",
    data=data,
    prepare=prepare,
    build=build,
    arms=[
        Arm(
            "net",
            {"method": "net"},
            {"learning_rate": RATE, "units": IntDistribution(8, 128, log=True), "dropout": FloatDistribution(0.0, 0.6)},
        ),
        Arm("boosting", {"method": "boosting"}, {"learning_rate": RATE, "trees": IntDistribution(20, 200, log=True)}),
    ],
    protocol=Protocol(epochs=30, split=Split(0.2, test=0.25, random_state=0, groups="stated")),
    claims=[Claim("The net does better", better="net", than="boosting", metric="test_accuracy")],
)
