"""How do batch, stochastic and mini-batch gradient descent differ, and what do momentum and the adaptive rules add?

Linear regression, from a line of zeros, inputs and target standardized by the training rows: the loss has one valley,
so all differences are the descent's own. Every arm sees all training rows once an epoch. Rates and momentum are tuned;
speed and noise are compared at stated rates, in a sweep, the only use of three arms. Four get sparse inputs, each
feature cut into ten intervals, one of which is 1. `train_cost` at epoch 2 is the mean loss after one epoch.

Source: the course's chapter on gradient descent; update rules and their papers in dlstudy.scratch.rules.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study, Sweep
from dlstudy.toolkit import one_hot_intervals, plots, standardize

RATE = {"learning_rate": FloatDistribution(1e-4, 1, log=True)}
RATES = (0.01, 0.03)
SCALED = {"batch_x10": 10.0, "batch_x001": 0.01, "momentum_x01": 0.1}
ALL_ROWS = 1_000_000
NAMES = ("rule", "learning_rate", "momentum", "batch_size")


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """Inputs, standardized or sparse, and the target, standardized by the training rows."""
    x, y = x.reshape(len(x), -1), standardize(y, train)
    return (one_hot_intervals(x, train, 10) if p["sparse"] else standardize(x, train)), y


def build(p: dict[str, Any]) -> Any:
    """Linear regression by the rule of p."""
    from dlstudy.scratch.descent import GradientDescentRegressor

    return GradientDescentRegressor(n_epochs=p["epochs"], **{name: p.get(name) for name in NAMES})


def extra_metrics(model: Any, *_: Any) -> dict[str, float]:
    """How much the cost went up from one epoch to the next, on average over the second half, in thousandths."""
    from dlstudy.scratch.descent import mean_rise

    return {"rise": 1_000 * mean_rise(model.history_["cost"][model.n_iter_ // 2 :])}


def figures(model: Any, _x: Any, _y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The cost over epochs."""
    costs, title = model.history_["cost"], f"{p['rule']}, rate {p['learning_rate']:.2g}"
    axes = {"xlabel": "epochs done", "ylabel": "cost (mean squared error, variances of y)", "ylim": (0, None)}
    return {"Cost over epochs": plots.curves({"": costs}, range(len(costs)), title=title, markers=True, **axes)}


def arm(name: str, text: str, keras_rate: float = 0.01, **more: Any) -> Arm:
    """An arm that differs from plain mini-batch descent; its rate, and its momentum, are tuned unless stated."""
    setting = {"rule": "sgd", "batch_size": 64, "sparse": False, **more}
    if "learning_rate" in more:
        return Arm(name, setting, text=text)
    momentum = {"momentum": FloatDistribution(0.5, 0.99)} if setting["rule"] == "momentum" else {}
    defaults = {"learning_rate": keras_rate, **dict.fromkeys(momentum, 0.9)}
    return Arm(name, setting, {**RATE, **momentum}, defaults=defaults, text=text)


LOW, HIGH = ({"direction": "minimize", "phase": "sweep", "sweep": "rates", "at": {"learning_rate": r}} for r in RATES)
RISE = {**LOW, "metric": "train_end_rise"}
FIRST_EPOCH = {**LOW, "metric": "train_cost", "epoch": 2}

STUDY = Study(
    question="How do batch, stochastic and mini-batch descent differ, and what do momentum and adaptive rules add?",
    dataset="diabetes", other_datasets=["advertising", "stocks"], rank_arms=False,
    build=build, prepare=prepare, extra_metrics=extra_metrics, figures=figures,
    arms=[
        arm("batch", "all rows a step", batch_size=ALL_ROWS),
        arm("mini_batch", "64 rows a step"),
        arm("stochastic", "one row a step", batch_size=1),
        arm("momentum", "64 rows a step, a share of the previous step again", rule="momentum"),
        *[arm(r, "64 rows a step", 0.001, rule=r) for r in ("adagrad", "adadelta", "rmsprop", "adam")],
        arm("batch_x10", "ten times the rate", batch_size=ALL_ROWS, learning_rate=1e-4 * 10.0),
        arm("batch_x001", "a hundredth of the rate", batch_size=ALL_ROWS, learning_rate=1e-4 * 0.01),
        arm("momentum_x01", "a tenth of the rate", rule="momentum", momentum=0.9, learning_rate=1e-4 * 0.1),
        arm("sparse_mini_batch", "sparse inputs", sparse=True),
        *[arm(f"sparse_{r}", "sparse inputs", 0.001, rule=r, sparse=True) for r in ("adagrad", "rmsprop", "adam")],
    ],
    protocol=Protocol(epochs=50, metric="val_mse", direction="minimize",
                      split=Split(validation=0.2, test=0.2, random_state=42)),
    sweeps=[
        Sweep("rates", {"learning_rate": RATES}, 10, ("batch", "mini_batch", "stochastic", "momentum", *SCALED),
              own={arm: {"learning_rate": [factor * rate for rate in RATES]} for arm, factor in SCALED.items()}),
        Sweep("sizes", {"batch_size": (16, 50, 256)}, 10, ("mini_batch", "momentum"), {"learning_rate": 0.01}),
    ],
    claims=[
        Claim("Batch descent is stable (the cost rises less than in mini-batch descent)",
              "batch", "mini_batch", **RISE),
        Claim("Batch descent is slow (cost after one epoch)", "mini_batch", "batch", **FIRST_EPOCH),
        Claim("Stochastic descent is fast (cost after one epoch)", "stochastic", "mini_batch", **FIRST_EPOCH),
        Claim("Stochastic descent is noisy (the cost rises more)", "mini_batch", "stochastic", **RISE),
        Claim("Momentum smooths mini-batch descent (the cost rises less)", "momentum", "mini_batch", **RISE),
        Claim("Momentum smooths mini-batch descent, from 16 to 256 rows a step", "momentum", "mini_batch",
              **{**RISE, "sweep": "sizes", "at": {}}),
        Claim("A smaller rate with momentum is more stable (than momentum)", "momentum_x01", "momentum", **RISE),
        Claim("A smaller rate with momentum is more stable (than no momentum)", "momentum_x01", "mini_batch", **RISE),
        Claim("A rate too large diverges (batch at 0.3 against 0.03; cost after nine epochs)", "batch", "batch_x10",
              "train_cost", epoch=10, **HIGH),
        Claim("A rate too small is slow (batch at 0.0003 against 0.03; epochs to a cost of 0.6)", "batch", "batch_x001",
              "train_cost", target=0.6, **HIGH),
        Claim("Adagrad suits sparse data (error on test rows)", "sparse_adagrad", "sparse_mini_batch", "test_mse"),
        Claim("Adagrad suits sparse data (cost after nine epochs)",
              "sparse_adagrad", "sparse_mini_batch", "train_cost", epoch=10, direction="minimize"),
        Claim("Adam beats RMSprop as gradients get sparse", "sparse_adam", "sparse_rmsprop", "test_mse"),
        Claim("Adagrad needs no tuned rate (tuning gains less over Keras's default than for plain descent)",
              "adagrad", "mini_batch", "test_mse", phase="tuning"),
        Claim("RMSprop, Adadelta and Adam have similar effects (error on test rows, to 2 % of the variance of y)",
              "rmsprop", ("adadelta", "adam"), "test_mse", margin=0.02),
        Claim("Adadelta, RMSprop and Adam adapt the rate by parameter",
              untestable="that is what their update rules say; the study optimizers asks whether it helps a net"),
    ],
    remarks=[
        "The course writes gradient descent as x + alpha * v, which goes uphill: it is x - alpha * v.",
        "Momentum of 0.9 makes steps that add up to ten times as long: at a tenth of the rate it goes as far.",
        "All seeds share one split: intervals are about the order of rows, not about other patients.",
    ],
)  # fmt: skip
