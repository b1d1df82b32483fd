"""How do batch, stochastic and mini-batch gradient descent differ, and what do momentum and the adaptive rules add?

Linear regression by the mean squared error, from a line of zeros, inputs and target standardized by the training rows:
the loss has one valley, so all differences are the descent's own. Every arm sees all training rows once an epoch, 50
times. Mini-batches have 64 rows; a sweep goes from 16 to 256. Rates are tuned for each arm, momentum too; what the
claims say of speed and of noise is asked at stated rates, in a sweep, where arms differ in nothing else.

`train_cost` at epoch 2 is the mean loss of all rows after one epoch. `rise` is how much that cost went up from one
epoch to the next, on average over the second half of the training, in thousandths of the variance of y: 0 for a steady
fall. Three arms serve the sweep alone. There they multiply the rate by a factor, so that a point of the sweep compares
two rates: batch descent with ten times the rate and with a hundredth of it, momentum with a tenth. Elsewhere they
train at a low fixed rate. Four arms get sparse inputs, each feature cut into ten equal intervals, one of which is 1:
nine of ten inputs are 0, and those of rare values nearly always.

Source: the course's chapter on gradient descent; update rules and their papers in dlstudy.scratch.rules.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study, Sweep

RATE = {"learning_rate": FloatDistribution(1e-4, 1, log=True)}
ALL_ROWS = 1_000_000
MINI_BATCH = 64
INTERVALS = 10


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """Inputs and target standardized by the training rows; or sparse inputs, and the target standardized."""
    import numpy as np

    x = x.reshape(len(x), -1)
    y = (y - y[train].mean()) / y[train].std()
    if not p["sparse"]:
        return (x - x[train].mean(axis=0)) / x[train].std(axis=0), y
    low, high = x[train].min(axis=0), x[train].max(axis=0)
    interval = np.clip((x - low) / (high - low) * INTERVALS, 0, INTERVALS - 1).astype(int)
    return np.eye(INTERVALS)[interval].reshape(len(x), -1), y


def build(p: dict[str, Any]) -> Any:
    """Linear regression by the rule of p."""
    from dlstudy.scratch.descent import GradientDescentRegressor

    return GradientDescentRegressor(
        rule=p["rule"],
        learning_rate=p["learning_rate"] * p["factor"],
        momentum=p.get("momentum"),
        batch_size=p["batch_size"],
        n_epochs=p["epochs"],
    )


def probe(model: Any, *_: Any) -> dict[str, float]:
    """How much the cost went up from one epoch to the next, on average over the second half, in thousandths."""
    import numpy as np

    costs = np.array(model.history_["cost"][model.n_iter_ // 2 :])
    with np.errstate(all="ignore"):  # of a descent that diverges
        return {"rise": 1_000 * np.maximum(0, np.diff(costs)).mean() if len(costs) > 1 else 0.0}


def draw(model: Any, _x: Any, _y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The cost over epochs; nothing for an arm that serves the sweep alone."""
    if p["factor"] != 1:
        return {}
    import numpy as np
    from matplotlib.figure import Figure

    costs = model.history_["cost"]
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(len(costs)), costs, color="#0072B2", marker="o", markersize=3)
    axes.set(xlabel="epochs done", ylabel="cost (mean squared error, variances of y)", ylim=(0, None))
    size = {ALL_ROWS: "all rows", 1: "one row"}.get(p["batch_size"], f"{p['batch_size']} rows")
    axes.set_title(f"{p['rule']}, {size} a step, rate {p['learning_rate']:.2g}", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return {"Cost over epochs": figure}


PLAIN = {"rule": "sgd", "batch_size": MINI_BATCH, "factor": 1.0, "sparse": False}


def arm(name: str, text: str, default_rate: float = 0.01, **setting: Any) -> Arm:
    """An arm that differs from plain mini-batch descent in its setting."""
    momentum = {"momentum": FloatDistribution(0.5, 0.99)} if setting.get("rule") == "momentum" else {}
    defaults = {"learning_rate": default_rate, **dict.fromkeys(momentum, 0.9)}
    return Arm(name, setting={**PLAIN, **setting}, space={**RATE, **momentum}, defaults=defaults, text=text)


def arm_at(factor: float, name: str, text: str, **setting: Any) -> Arm:
    """An arm for the sweep alone, whose rate is multiplied by a factor."""
    return Arm(name, setting={**PLAIN, "learning_rate": 1e-4, "factor": factor, **setting}, text=text)


def at_rate(text: str, better: str, than: str, rate: float = 0.01, **more: Any) -> Claim:
    """A claim about arms at one rate of the sweep."""
    what = {"direction": "minimize", "phase": "sweep", "sweep": "rates", "at": {"learning_rate": rate}}
    return Claim(text, better=better, than=than, **{**what, **more})


RISE = {"metric": "train_end_rise"}
FIRST_EPOCH = {"metric": "train_cost", "epoch": 2}

STUDY = Study(
    question="How do batch, stochastic and mini-batch descent differ, and what do momentum and adaptive rules add?",
    dataset="diabetes",
    other_datasets=["advertising", "stocks"],
    ranks=False,
    build=build,
    prepare=prepare,
    probe=probe,
    draw=draw,
    arms=[
        arm("batch", "all rows a step", batch_size=ALL_ROWS),
        arm("mini_batch", "64 rows a step"),
        arm("stochastic", "one row a step", batch_size=1),
        arm("momentum", "64 rows a step, a share of the previous step again", rule="momentum"),
        arm("adagrad", "64 rows a step", 0.001, rule="adagrad"),
        arm("adadelta", "64 rows a step", 0.001, rule="adadelta"),
        arm("rmsprop", "64 rows a step", 0.001, rule="rmsprop"),
        arm("adam", "64 rows a step", 0.001, rule="adam"),
        arm_at(10.0, "batch_x10", "batch at ten times the rate", batch_size=ALL_ROWS),
        arm_at(0.01, "batch_x001", "batch at a hundredth of the rate", batch_size=ALL_ROWS),
        arm_at(0.1, "momentum_x01", "momentum 0.9 at a tenth of the rate", rule="momentum", momentum=0.9),
        arm("sparse_mini_batch", "sparse inputs", sparse=True),
        arm("sparse_adagrad", "sparse inputs", 0.001, rule="adagrad", sparse=True),
        arm("sparse_rmsprop", "sparse inputs", 0.001, rule="rmsprop", sparse=True),
        arm("sparse_adam", "sparse inputs", 0.001, rule="adam", sparse=True),
    ],
    protocol=Protocol(
        epochs=50,
        trials=8,
        seeds=10,
        metric="val_mse",
        direction="minimize",
        split=Split(validation=0.2, test=0.2, random_state=42),
    ),
    sweeps=[
        Sweep(
            "rates",
            {"learning_rate": (0.01, 0.03)},
            seeds=10,
            arms=("batch", "mini_batch", "stochastic", "momentum", "batch_x10", "batch_x001", "momentum_x01"),
        ),
        Sweep(
            "sizes",
            {"batch_size": (16, 50, 256)},
            seeds=10,
            arms=("mini_batch", "momentum"),
            fixed={"learning_rate": 0.01},
        ),
    ],
    claims=[
        at_rate(
            "Batch descent is stable (the cost rises less than in mini-batch descent)", "batch", "mini_batch", **RISE
        ),
        at_rate("Batch descent is slow (cost after one epoch)", "mini_batch", "batch", **FIRST_EPOCH),
        at_rate("Stochastic descent is fast (cost after one epoch)", "stochastic", "mini_batch", **FIRST_EPOCH),
        at_rate("Stochastic descent is noisy (the cost rises more)", "mini_batch", "stochastic", **RISE),
        at_rate("Momentum smooths mini-batch descent (the cost rises less)", "momentum", "mini_batch", **RISE),
        at_rate(
            "Momentum smooths mini-batch descent, from 16 to 256 rows a step",
            "momentum",
            "mini_batch",
            **RISE,
            sweep="sizes",
            at={},
        ),
        at_rate("A smaller rate with momentum is more stable (than momentum)", "momentum_x01", "momentum", **RISE),
        at_rate("A smaller rate with momentum is more stable (than no momentum)", "momentum_x01", "mini_batch", **RISE),
        at_rate(
            "A rate too large diverges (batch at 0.3 against 0.03; cost after nine epochs)",
            "batch",
            "batch_x10",
            rate=0.03,
            metric="train_cost",
            epoch=10,
        ),
        at_rate(
            "A rate too small is slow (batch at 0.0003 against 0.03; epochs to a cost of 0.6)",
            "batch",
            "batch_x001",
            rate=0.03,
            metric="train_cost",
            target=0.6,
        ),
        Claim(
            "Adagrad suits sparse data (error on test rows)",
            better="sparse_adagrad",
            than="sparse_mini_batch",
            metric="test_mse",
        ),
        Claim(
            "Adagrad suits sparse data (cost after nine epochs)",
            better="sparse_adagrad",
            than="sparse_mini_batch",
            metric="train_cost",
            epoch=10,
            direction="minimize",
        ),
        Claim(
            "Adam beats RMSprop as gradients get sparse",
            better="sparse_adam",
            than="sparse_rmsprop",
            metric="test_mse",
        ),
        Claim(
            "Adagrad needs no tuned rate (tuning gains less over Keras's default than for plain descent)",
            better="adagrad",
            than="mini_batch",
            metric="test_mse",
            phase="tuning",
        ),
        Claim(
            "RMSprop, Adadelta and Adam have similar effects (error on test rows, to 2 % of the variance of y)",
            better="rmsprop",
            than=("adadelta", "adam"),
            metric="test_mse",
            within=0.02,
        ),
        Claim(
            "Adadelta, RMSprop and Adam adapt the rate by parameter",
            untestable="that is what their update rules say; whether it helps a net is asked by the study optimizers",
        ),
    ],
    remarks=[
        "The course writes gradient descent as x + alpha * v, which goes uphill: it is x - alpha * v.",
        "Momentum of 0.9 makes steps that add up to ten times as long: at a tenth of the rate it goes as far.",
        "All seeds share one split: intervals are about the order of rows, not about other patients.",
    ],
)
