"""Does Rosenblatt's perceptron converge if and only if the classes are linearly separable: AND, OR and XOR?

Three gates of two inputs, one perceptron each, which differ in nothing but the labels. Every gate gets 50 epochs, the
most that the course gives any of them, and its learning rate eta is tuned. For the "if", AND and OR are to converge on
every seed, at every rate of a sweep. The "only if" no number of trials can show: that no weights whatever give XOR is
shown by going through all 16 gates of two inputs, 14 of which a straight line separates.

The reported settings are the course's: eta 0.5, ten epochs for AND and OR, 50 for XOR. AND starts from the weights that
the course gives. Those of OR it does not give; they follow from its weights after one epoch, since a step is a multiple
of 0.5. A perceptron stops once no row is wrong: further epochs would change nothing.

Source: the course's perceptron; Rosenblatt 1958; Minsky and Papert 1969, Perceptrons.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Reported, Split, Study, Sweep
from dlstudy.toolkit import plots

TABLE = ((0, 0), (0, 1), (1, 0), (1, 1))
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


def extra_metrics(model: Any, *_: Any) -> dict[str, float]:
    """Whether it converged (0 or 1), after how many epochs, its weights, and what it says to each row of the table."""
    outputs = {f"output_{a}{b}": output for (a, b), output in zip(TABLE, model.predict(TABLE), strict=True)}
    weights = dict(zip(WEIGHTS, model.weights_, strict=True))
    return {"converged": model.converged_, "epochs": model.n_iter_, **weights, **outputs}


def figures(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The four rows, and where the perceptron fires."""
    boundary = plots.decision_boundary(
        x, y, model.predict, name=p["gate"].upper(), title="light: the perceptron fires"
    )  # fmt: skip
    return {"Decision boundary": boundary}


def weights(*values: Any) -> dict[str, Any]:
    """Three weights by their names."""
    return dict(zip(WEIGHTS, values, strict=True))


AT = {"metric": "train_end_converged", "direction": "maximize"}
COURSE = {"learning_rate": 0.5}

STUDY = Study(
    question="Does the perceptron converge if and only if the classes are linearly separable: AND, OR and XOR?",
    dataset="gates",
    rank_arms=False,
    build=build,
    prepare=prepare,
    extra_metrics=extra_metrics,
    figures=figures,
    arms=[
        Arm("and", {"gate": "and"}, RATE, text="1 where both inputs are",
            reported={**COURSE, "epochs": 10, **weights(4.4953e-05, 1.85654e-04, -3.1468e-05)}),
        Arm("or", {"gate": "or"}, RATE, text="1 where an input is",
            reported={**COURSE, "epochs": 10, **weights(-4e-05, 1.1e-04, 4e-05)}),
        Arm("xor", {"gate": "xor"}, RATE, text="1 where exactly one input is", reported={**COURSE, "epochs": 50}),
    ],
    protocol=Protocol(
        epochs=50, metric="val_accuracy", direction="maximize", split=Split(validation=4)
    ),
    sweeps=[Sweep("rates", {"learning_rate": (0.01, 0.1, 0.5, 1, 10)}, seeds=8)],
    reported=[
        *Reported.several("and", prefix="train_end_", **weights("0.50004495", "0.50018565", "0.99996853")),
        *Reported.several("and", prefix="train_end_output_", **{"00": "0", "01": "0", "10": "0", "11": "1"}),
        *Reported.several("or", prefix="train_end_", setting={"epochs": 1},
                          **weights("0.49996", "0.00011", "-0.49996")),
        Reported("xor", "train_end_converged", "0", place="never right after 50 epochs"),
    ],
    derived=[
        Derived("Gates of two inputs, of all 16, that a straight line separates (XOR and its opposite are left)",
                "14", 4**2 - 4 + 2),  # of n points, no three on a line: Cover 1965; counted in scratch.separability
    ],
    claims=[
        *[Claim(f"The perceptron converges if the classes are linearly separable: {gate.upper()} does, XOR does not",
                better=gate, than="xor", **AT) for gate in ("and", "or")],
        *[Claim(f"The perceptron converges if the classes are linearly separable: {gate.upper()} does at every rate",
                better=gate, than="xor", **AT, phase="sweep", sweep="rates", over="worst") for gate in ("and", "or")],
        Claim("The perceptron converges only if the classes are linearly separable",
              untestable="trials cannot show that no weights whatever would do: the count of separable gates shows it"),
    ],
    remarks=["The course's text lets the neuron fire at z >= 0, its code at z > 0: here it is as in the code."],
)  # fmt: skip
