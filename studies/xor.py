"""Does momentum help a small sigmoid network to learn XOR: out of local minima, and faster?

A network of two sigmoid neurons and one output learns XOR with all four rows a step. Whether it gets there depends on
its first weights, drawn from N(0, 1): so every arm meets the same 48 starts. Rates, and momentum, are tuned; but a
trial of the search sees one start only, so luck has a say in what it chooses, and momentum makes steps longer, up to
ten times at 0.9, as a larger rate would. A sweep therefore asks the same at stated rates. The arm `five_starts` is the
plain network trained from five starts, of which the one with the lowest cost is kept: what the advice to try several
is worth, at five times the work.

`learned` is 1 where all four rows are on their right side. `steps` counts until the cost is below 0.1, for a run that
never gets there 1,001. The course prints four outputs of one run that got there.

Source: the course's XOR network [2, 2, 1], weights and biases N(0, 1), rate 1.0, 1,000 steps; Rumelhart, Hinton and
Williams 1986.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Printed, Protocol, Split, Study, Sweep

TABLE = ((0, 0), (0, 1), (1, 0), (1, 1))
N_STEPS = 1_000
TARGET = 0.1
RATE = {"learning_rate": FloatDistribution(0.1, 10, log=True)}
COURSE = {"learning_rate": 1.0}


def prepare(x: Any, _y: Any, _train: Any, _p: dict[str, Any]) -> Any:
    """The inputs, and their XOR."""
    a, b = x.T.astype(int)
    return x, a ^ b


def build(p: dict[str, Any]) -> Any:
    """The network; for several starts, a search that trains each on all rows and keeps the one of the lowest cost."""
    from sklearn.model_selection import GridSearchCV

    from dlstudy.scratch.network import SigmoidNetwork

    network = SigmoidNetwork(
        learning_rate=p["learning_rate"], momentum=p.get("momentum", 0.0), n_steps=min(p["epochs"], N_STEPS)
    )
    if p["starts"] == 1:
        return network
    starts, rows = [p["seed"] + i for i in range(p["starts"])], list(range(len(TABLE)))
    return GridSearchCV(network, {"random_state": starts}, scoring="neg_log_loss", cv=[(rows, rows)])


def network_of(model: Any) -> Any:
    """The network itself."""
    return getattr(model, "best_estimator_", model)


def probe(model: Any, x: Any, y: Any, _p: Any) -> dict[str, float]:
    """Whether it learned XOR (0 or 1), in how many steps, and its output for each row of the table."""
    costs = network_of(model).history_["loss"]
    steps = next((step for step, cost in enumerate(costs) if cost < TARGET), N_STEPS + 1)
    outputs = model.predict_proba(TABLE)[:, 1]
    named = {f"output_{a}{b}": output for (a, b), output in zip(TABLE, outputs, strict=True)}
    return {"learned": (model.predict(x) == y).all(), "steps": steps, **named}


def draw(model: Any, x: Any, y: Any, _p: Any) -> dict[str, Any]:
    """Where the network says 1, and how its cost fell."""
    import numpy as np
    from matplotlib.figure import Figure

    boundary = Figure(figsize=(4.8, 3.8), layout="constrained")
    axes = boundary.subplots()
    a, b = np.meshgrid(*[np.linspace(-0.5, 1.5, 201)] * 2)
    output = model.predict_proba(np.column_stack([a.ravel(), b.ravel()]))[:, 1].reshape(a.shape)
    shades = axes.contourf(a, b, output, levels=np.linspace(0, 1, 11), cmap="cividis")
    axes.contour(a, b, output, levels=[0.5], colors="white")
    for label, marker in ((0, "o"), (1, "s")):
        rows = x[y == label]
        axes.plot(rows[:, 0], rows[:, 1], marker, color="#D55E00", markeredgecolor="white", markersize=10)
    axes.set(xlabel="input a", ylabel="input b", xticks=[0, 1], yticks=[0, 1], title="circles: XOR is 0; squares: 1")
    axes.title.set_fontsize(9)
    boundary.colorbar(shades, label="output", ticks=[0, 0.5, 1])
    curve = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = curve.subplots()
    axes.semilogy(network_of(model).history_["loss"], color="#0072B2")
    axes.set(xlabel="step", ylabel="cost (cross-entropy, nats)")
    axes.spines[["top", "right"]].set_visible(False)
    return {"Decision boundary": boundary, "Cost over steps": curve}


def momentum_is_better(text: str, metric: str, direction: str, **more: Any) -> Claim:
    """A claim that momentum beats the plain network."""
    return Claim(text, better="momentum", than="plain", metric=f"train_end_{metric}", direction=direction, **more)


STUDY = Study(
    question="Does momentum help a small sigmoid network to learn XOR: out of local minima, and faster?",
    dataset="gates",
    ranks=False,
    build=build,
    prepare=prepare,
    probe=probe,
    draw=draw,
    arms=[
        Arm("plain", setting={"starts": 1}, space=RATE, printed=COURSE, text="gradient descent, no momentum"),
        Arm(
            "momentum",
            setting={"starts": 1},
            space={**RATE, "momentum": FloatDistribution(0.5, 0.95)},
            defaults={**COURSE, "momentum": 0.9},
            text="a share of the previous step is made again",
        ),
        Arm("five_starts", setting={"starts": 5}, space=RATE, text="plain, the best of five starts"),
    ],
    protocol=Protocol(
        epochs=N_STEPS,
        trials=16,
        seeds=48,
        metric="val_loss",
        direction="minimize",
        split=Split(validation=4),
    ),
    sweeps=[Sweep("rates", {"learning_rate": (0.1, 0.3, 1, 3)}, seeds=24, arms=("plain", "momentum"))],
    printed=[
        Printed("plain", f"train_end_output_{row}", value)
        for row, value in {"00": "0.0148", "01": "0.9825", "10": "0.9825", "11": "0.0280"}.items()
    ],
    claims=[
        momentum_is_better("Momentum helps escape local minima (starts that learn XOR)", "learned", "maximize"),
        momentum_is_better("Momentum converges faster (steps to a cost of 0.1)", "steps", "minimize"),
        *[
            momentum_is_better(f"{text}, {where}", metric, direction, phase="sweep", sweep="rates", at=at)
            for text, metric, direction in (
                ("Momentum helps escape local minima (starts that learn XOR)", "learned", "maximize"),
                ("Momentum converges faster (steps to a cost of 0.1)", "steps", "minimize"),
            )
            for where, at in (("at the course's rate", COURSE), ("over rates from 0.1 to 3", {}))
        ],
        Claim(
            "Several starting values should be tried (the best of five learns XOR more often than one)",
            better="five_starts",
            than="plain",
            metric="train_end_learned",
            direction="maximize",
        ),
    ],
    remarks=[
        "The course's update rule for the network has + eta * gradient, which leads uphill: it is - eta * gradient.",
        "Two places of the course print the sigmoid as 1 / (1 + e^z): it is 1 / (1 + e^-z).",
        "The course prints the outputs of one start that learned XOR; many do not, so its four figures are those of a "
        "run chosen among others.",
    ],
)
