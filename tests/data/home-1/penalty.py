"""Is logistic regression better with a weak penalty?"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study


def build(p):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=p["C"], max_iter=500)


STUDY = Study(
    question="Does a weak penalty help?",
    dataset="digits",
    build=build,
    arms=[Arm("weak", setting={"C": 100.0}), Arm("strong", space={"C": FloatDistribution(1e-4, 1e-2, log=True)})],
    protocol=Protocol(epochs=1, trials=2, seeds=6, split=Split(validation=200), rows=400),
    claims=[Claim("a weak penalty is better", better="weak", than="strong", metric="test_accuracy")],
)
