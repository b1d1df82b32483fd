"""Does Rosenblatt's perceptron converge if and only if the classes are linearly separable: AND, OR and XOR?

Three gates of two inputs, one perceptron each, which differ in nothing but the labels. Every gate gets 50 epochs, the
most that the course gives any of them, and its learning rate eta is tuned. For the "if", AND and OR are to converge on
every seed, at every rate of a sweep. The "only if" no number of trials can show: that no weights whatever give XOR is
shown by going through all 16 gates of two inputs, 14 of which a straight line separates.

The printed settings are the course's: eta 0.5, ten epochs for AND and OR, 50 for XOR. AND starts from the weights that
the course prints. Those of OR it does not print; they follow from its weights after one epoch, since a step is a
multiple of 0.5. A perceptron stops once no row is wrong: further epochs would change nothing.

Source: the course's perceptron; Rosenblatt 1958; Minsky and Papert 1969, Perceptrons.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Computed, Printed, Protocol, Split, Study, Sweep

WEIGHTS = ("weight_a", "weight_b", "weight_bias")
RATE = {"learning_rate": FloatDistribution(0.01, 10, log=True)}


def prepare(x: Any, _y: Any, _train: Any, p: dict[str, Any]) -> Any:
    """The inputs, and what the gate of p makes of them."""
    a, b = x.T.astype(int)
    return x, {"and": a & b, "or": a | b, "xor": a ^ b}[p["gate"]]


def build(p: dict[str, Any]) -> Any:
    """A perceptron, which starts from the weights of p where it has any."""
    from dlstudy.scratch.perceptron import Perceptron

    start = [p[name] for name in WEIGHTS] if WEIGHTS[0] in p else None
    return Perceptron(learning_rate=p["learning_rate"], n_epochs=p["epochs"], initial_weights=start)


def probe(model: Any, *_: Any) -> dict[str, float]:
    """Whether it converged (0 or 1), after how many epochs, its weights, and what it says to each row of the table."""
    table = ((0, 0), (0, 1), (1, 0), (1, 1))
    outputs = {f"output_{a}{b}": output for (a, b), output in zip(table, model.predict(table), strict=True)}
    weights = dict(zip(WEIGHTS, model.weights_, strict=True))
    return {"converged": model.converged_, "epochs": model.n_iter_, **weights, **outputs}


def draw(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The four rows, and where the perceptron fires."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.8), layout="constrained")
    axes = figure.subplots()
    a, b = np.meshgrid(*[np.linspace(-0.5, 1.5, 401)] * 2)
    fires = model.predict(np.column_stack([a.ravel(), b.ravel()])).reshape(a.shape)
    axes.contourf(a, b, fires, levels=[-0.5, 0.5, 1.5], colors=["#ffffff", "#fbe3c0"])
    for label, colour, marker in ((0, "#0072B2", "o"), (1, "#D55E00", "s")):
        rows = x[y == label]
        axes.plot(rows[:, 0], rows[:, 1], marker, color=colour, markersize=10, label=f"{p['gate'].upper()} is {label}")
    axes.set(xlabel="input a", ylabel="input b", xticks=[0, 1], yticks=[0, 1], title="shaded: the perceptron fires")
    axes.title.set_fontsize(9)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
    return {"Decision boundary": figure}


def separable_gates() -> float:
    """How many of the 16 gates of two inputs a straight line separates."""
    from dlstudy.scratch.perceptron import separable_labelings

    return len(separable_labelings([(0, 0), (0, 1), (1, 0), (1, 1)]))


def figures(arm: str, values: dict[str, str], **more: Any) -> list[Printed]:
    """Figures that the course prints of a trained perceptron."""
    return [Printed(arm, f"train_end_{name}", value, **more) for name, value in values.items()]


AND_START = dict(zip(WEIGHTS, (4.4953e-05, 1.85654e-04, -3.1468e-05), strict=True))
OR_START = dict(zip(WEIGHTS, (-4e-05, 1.1e-04, 4e-05), strict=True))

STUDY = Study(
    question="Does the perceptron converge if and only if the classes are linearly separable: AND, OR and XOR?",
    dataset="gates",
    ranks=False,
    build=build,
    prepare=prepare,
    probe=probe,
    draw=draw,
    arms=[
        Arm(
            "and",
            setting={"gate": "and"},
            space=RATE,
            printed={"learning_rate": 0.5, "epochs": 10, **AND_START},
            text="1 where both inputs are",
        ),
        Arm(
            "or",
            setting={"gate": "or"},
            space=RATE,
            printed={"learning_rate": 0.5, "epochs": 10, **OR_START},
            text="1 where an input is",
        ),
        Arm(
            "xor",
            setting={"gate": "xor"},
            space=RATE,
            printed={"learning_rate": 0.5, "epochs": 50},
            text="1 where exactly one input is",
        ),
    ],
    protocol=Protocol(
        epochs=50,
        trials=8,
        seeds=8,
        metric="val_accuracy",
        direction="maximize",
        split=Split(validation=4),
    ),
    sweeps=[Sweep("rates", {"learning_rate": (0.01, 0.1, 0.5, 1, 10)}, seeds=8)],
    printed=[
        *figures("and", dict(zip(WEIGHTS, ("0.50004495", "0.50018565", "0.99996853"), strict=True))),
        *figures("and", {"output_00": "0", "output_01": "0", "output_10": "0", "output_11": "1"}),
        *figures("or", dict(zip(WEIGHTS, ("0.49996", "0.00011", "-0.49996"), strict=True)), setting={"epochs": 1}),
        *figures("xor", {"converged": "0"}, place="never right after 50 epochs"),
    ],
    computed=[
        Computed(
            "Gates of two inputs, of all 16, that a straight line separates (XOR and its opposite are left)",
            "14",
            separable_gates,
        )
    ],
    claims=[
        *[
            Claim(
                f"The perceptron converges if the classes are linearly separable: {gate.upper()} does, XOR does not",
                better=gate,
                than="xor",
                metric="train_end_converged",
                direction="maximize",
            )
            for gate in ("and", "or")
        ],
        *[
            Claim(
                f"The perceptron converges if the classes are linearly separable: {gate.upper()} does at every rate",
                better=gate,
                than="xor",
                metric="train_end_converged",
                direction="maximize",
                phase="sweep",
                sweep="rates",
                over="worst",
            )
            for gate in ("and", "or")
        ],
        Claim(
            "The perceptron converges only if the classes are linearly separable",
            untestable="trials cannot show that no weights whatever would do: the count of separable gates shows it",
        ),
    ],
    remarks=["The course's text lets the neuron fire at z >= 0, its code at z > 0: here it is as in the code."],
)
