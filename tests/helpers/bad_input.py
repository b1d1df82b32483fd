"""Tables of bad studies and bad command lines: the text that the message must contain, and what a user typed."""

HEAD = '''"""A study for tests."""
from dataclasses import replace

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy import Arm, Claim, Constraint, Data, Derived, Objective, Protocol, Reported, Split, Study, Sweep

nan, inf = float("nan"), float("inf")
RATE = {"rate": FloatDistribution(0.01, 1.0)}
KIND = {"kind": CategoricalDistribution(["a", "b"])}
SWEPT = Claim("x", "a", "b", "val_loss", "sweep", sweep="s", at={"rate": 2})


def build(p):
    raise RuntimeError("no test trains this")


def study(**changes):
    arms = [Arm("a", space=RATE, reported={"rate": 0.1}), Arm("b", reported={})]
    return Study(**{"question": "Is a better?", "dataset": "digits", "build": build, "arms": arms, **changes})


def one_arm(**changes):
    return study(arms=[Arm(**{"name": "a", **changes})])


def tuned(distribution):
    return one_arm(space={"rate": distribution})


def protocol(**changes):
    return study(protocol=Protocol(**changes))


def split(**changes):
    return protocol(split=Split(**{"validation": 0.2, **changes}))


def sweep(**changes):
    return study(sweeps=[Sweep(**{"name": "s", "grid": {"rate": [0.1, 0.2]}, **changes})])


def claim(**changes):
    own = {"text": "a wins", "better": "a", "than": "b", "metric": "test_accuracy"}
    return study(claims=[Claim(**{**own, **changes})])


def elsewhere(results, source="Table 2", **changes):
    own = {"text": "a wins", "better": "a", "than": "paper", "metric": "test_accuracy"}
    arms = [Arm("a", space=RATE), Arm("b"), Arm.from_results("paper", results, source=source)]
    return study(arms=arms, claims=[Claim(**{**own, **changes})])


def accuracy(values):
    return elsewhere({"test_accuracy": values})


def from_csv(path, columns={"test_accuracy": "accuracy"}, **changes):
    return study(arms=[Arm("a"), Arm.from_csv("paper", path, columns, **changes)])


def reported(**changes):
    return study(reported=[Reported(**{"arm": "a", "metric": "test_accuracy", "value": 0.9, **changes})])


def derived(**changes):
    return study(derived=[Derived(**{"text": "a sum", "reported": "0.3", "value": 0.3, **changes})])


STUDY = '''

STUDIES = {
    "Study.question must be text that is not blank": [
        "study(question=None)",
        "study(question=5)",
        "study(question='')",
        "study(question=' \\n')",
        "study(question=b'is it?')",
    ],
    "Study.dataset must be 1 to 64 letters, digits, _, . or - and": [
        "study(dataset='../mnist')",
        "study(dataset=['mnist'])",
    ],
    "a data set is one of mnist, digits, fashion_mnist, cifar10,": [
        "study(dataset='minst')",
        "study(other_datasets=['minst'])",
    ],
    "Study.build must be a function of p": ["study(build=None)", "study(build='build')"],
    "RuntimeError: no test trains this": ["study(build=build({}))"],
    "Study.arms must be a list of Arm objects": [
        "study(arms=None)",
        "study(arms=Arm('a'))",
        "study(arms='ab')",
        "study(arms={'a': Arm('a')})",
        "study(arms=5)",
    ],
    "a study needs at least one arm": ["study(arms=[])"],
    "Study.arms must hold Arm objects only": ["study(arms=['a', 'b'])", "study(arms=[Arm('a'), None])"],
    "arm names must differ by more than case": ["study(arms=[Arm('a'), Arm('a')])", "study(arms=[Arm('a'), Arm('A')])"],
    "Study.protocol must be a Protocol": [
        "study(protocol=None)",
        "study(protocol={'epochs': 5})",
        "study(protocol=Protocol)",
    ],
    "Study.sweeps must be a list of Sweep objects": ["study(sweeps=None)", "study(sweeps=Sweep('s', {'rate': [1]}))"],
    "Study.sweeps must hold Sweep objects only": ["study(sweeps=['s'])"],
    "sweep names must differ": ["study(sweeps=[Sweep('s', {'rate': [1]}), Sweep('s', {'rate': [1]})])"],
    "Study.reported must be a list of Reported objects": ["study(reported=None)", "study(reported=0.95)"],
    "Study.reported must hold Reported objects only": ["study(reported=[0.95])"],
    "Study.derived must hold Derived objects only": ["study(derived=[lambda: 1])"],
    "Study.claims must be a list of Claim objects": ["study(claims='a is better')", "study(claims=7)"],
    "Study.claims must hold Claim objects only": ["study(claims=['a is better'])"],
    "Study.rank_arms must be True or False": ["study(rank_arms='no')", "study(rank_arms=None)"],
    "Study.prepare_sees_all_rows must be True or False": ["study(prepare_sees_all_rows=1)"],
    "Study.data must be a Data, or a function that returns one": ["study(data=[1, 2])", "study(data='x.csv')"],
    "a study has either dataset, the name of a data set, or data": [
        "study(data=Data([1, 2], [0, 1]))",
        "study(dataset='')",
        "study(dataset=None)",
        "Study('Is it?')",
    ],
    "Study.remarks must be a list of texts": ["study(remarks='a remark')", "study(remarks=None)"],
    "Study.remarks must hold texts only": ["study(remarks=[5])"],
    "Study.other_datasets must be a list of texts": ["study(other_datasets='mnist')"],
    "Study.other_datasets must hold texts only": ["study(other_datasets=[None])"],
    "Study.prepare must be a function or None": ["study(prepare='scale')"],
    "Study.callbacks must be a function or None": ["study(callbacks=[])"],
    "Study.continue_training must be a function or None": ["study(continue_training=True)"],
    "Study.extra_metrics must be a function or None": ["study(extra_metrics={})"],
    "Study.class_weight must be a function or None": ["study(class_weight={1: 9})"],
    "Study.figures must be a function or None": ["study(figures=3.5)"],
    "Study.metrics must map names to metrics": [
        "study(metrics=['f1_macro'])",
        "study(metrics='f1')",
        "study(metrics=None)",
    ],
    "Study.metrics: a name must be text in one line, without train_": [
        "study(metrics={'': 'f1'})",
        "study(metrics={5: 'f1'})",
        "study(metrics={'test_': 'f1'})",
        "study(metrics={'train_f1': 'f1'})",
        "study(metrics={'two\\nlines': 'f1'})",
    ],
    "Study.metrics: the name gap is taken": ["study(metrics={'gap': 'f1'})", "study(metrics={'test_gap': 'f1'})"],
    "Study.metrics: f1 must be the name of a scikit-learn scorer, a": [
        "study(metrics={'f1': None})",
        "study(metrics={'f1': ''})",
        "study(metrics={'f1': 0.9})",
        "study(metrics={'f1': ['f1']})",
        "study(metrics={'f1': float})",
    ],
    "Study.metrics must give each metric once, got test_f1 twice": ["study(metrics={'f1': 'f1', 'test_f1': 'f1'})"],
    "Study.metrics must give the metric of the search for": [
        "study(metrics={'test_f1': 'f1'}, protocol=Protocol(metric='val_f1'))"
    ],
    "Protocol must have direction=\"maximize\", as 'neg_log_loss'": [
        "study(metrics={'log_loss': 'neg_log_loss'}, protocol=Protocol(metric='val_log_loss'))"
    ],
    "Study.files must be a list of texts": ["study(files='config.yaml')", "study(files=None)", "study(files={'a': 1})"],
    "Study.files must hold texts only": ["study(files=[5])", "study(files=[None])", "study(files=[b'a'])"],
    "a path in Study.files must be text that is not blank": ["study(files=[''])", "study(files=[' '])"],
    "bad.py: Study.files names": [
        "study(files=['nothing.yaml'])",
        "study(files=['bad.py', 'no/such/folder/'])",
        "study(files=['bad.py/below'])",
        "study(files=['a\\0b'])",
        "study(files=['x' * 5000])",
        "study(files=['\\x1b[31mred'])",
        "study(files=['~/nothing'])",
        "study(files=['.'])",
        "study(files=['/'])",
    ],
    "TypeError: Study.__init__() got an unexpected keyword": ["study(quesiton='Is it?')"],
    "TypeError: Study.__init__() missing 1 required positional": ["Study()"],
    "bad.py must define STUDY = Study(...)": [
        "Study",
        "study",
        "[study()]",
        "{'question': 'Is it?'}",
        "'study'",
        "None",
    ],
    "Arm.name must be 1 to 64 letters, digits, _, . or - and not": [
        "one_arm(name=None)",
        "one_arm(name='')",
        "one_arm(name=3)",
        "one_arm(name='with bn')",
        "one_arm(name='../a')",
        "one_arm(name='a/b')",
        "one_arm(name='.a')",
        "one_arm(name='-a')",
        "one_arm(name='a\\n')",
        "one_arm(name='\\x1b[31mred')",
        "one_arm(name='a' * 100_000)",
        "one_arm(name='ä')",
    ],
    "arm a: setting must map names to values": ["one_arm(setting=None)", "one_arm(setting=['optimizer'])"],
    "arm a: setting: a parameter's name must be an identifier": [
        "one_arm(setting={'a b': 1})",
        "one_arm(setting={5: 1})",
        "one_arm(setting={'': 1})",
        "one_arm(setting={'seed': 1})",
        "one_arm(setting={'input_shape': 1})",
    ],
    "arm a: setting: layers must be text, a finite number, true,": [
        "one_arm(setting={'layers': [10, 10]})",
        "one_arm(setting={'layers': {}})",
    ],
    "arm a: setting: rate must be text, a finite number, true,": [
        "one_arm(setting={'rate': nan})",
        "one_arm(setting={'rate': -inf})",
    ],
    "arm a: setting: n must be text, a finite number, true, false": ["one_arm(setting={'n': 10**400})"],
    "arm a: setting: f must be text, a finite number, true, false": ["one_arm(setting={'f': build})"],
    "arm a: setting: x must be text, a finite number, true, false": [
        "one_arm(setting={'x': __import__('numpy').zeros((99, 99))})"
    ],
    "arm a: setting: epochs must be a whole number from 1 to": [
        "one_arm(setting={'epochs': 0})",
        "one_arm(setting={'epochs': 2.5})",
    ],
    "arm a: setting: batch_size must be a whole number from 1 to": [
        "one_arm(setting={'batch_size': '32'})",
        "one_arm(setting={'batch_size': True})",
    ],
    "arm a: space must map names to values": ["one_arm(space=None)", "one_arm(space=FloatDistribution(0, 1))"],
    "arm a: space: rate must be an Optuna distribution (Float, Int": [
        "one_arm(space={'rate': (0.1, 1.0)})",
        "one_arm(space={'rate': 0.1})",
        "one_arm(space={'rate': FloatDistribution})",
    ],
    "arm a: a parameter is either in setting or in space": ["one_arm(space=RATE, setting={'rate': 1})"],
    "arm a: space: a parameter's name must be an identifier other": ["one_arm(space={'seed': IntDistribution(0, 9)})"],
    "arm a: reported must give every parameter of space": ["one_arm(space=RATE, reported={})"],
    "arm a: reported must map names to values": ["one_arm(space=RATE, reported=0.1)"],
    "arm a: reported: a parameter's name must be an identifier": [
        "one_arm(space=RATE, reported={'rate': 'nan', 'x y': 1})"
    ],
    "arm a: defaults must give every parameter of space": ["one_arm(space=RATE, defaults={'lr': 0.1})"],
    "arm a: defaults must map names to values": ["one_arm(space=RATE, defaults=[])"],
    "arm a: reported_split must be None or a Split": [
        "one_arm(reported_split=0.1)",
        "one_arm(reported_split={'validation': 0.1})",
    ],
    "arm a: restarts must be a whole number from 1 to 1,000": [
        "one_arm(restarts=0)",
        "one_arm(restarts=2.0)",
        "one_arm(restarts='5')",
        "one_arm(restarts=1001)",
    ],
    "arm a: text must be text (or empty)": ["one_arm(text=None)", "one_arm(text=5)"],
    "Arm.copy_of must name arms of this study": ["one_arm(copy_of='nobody')"],
    "arm a: copy_of must be text (or empty)": ["one_arm(copy_of=None)"],
    "arm a: elsewhere must be None or what Arm.from_results gives": ["one_arm(elsewhere={'test_accuracy': 0.9})"],
    "arm paper: results from elsewhere are not trained, got setting": [
        "study(arms=[Arm('a'), replace(Arm.from_results('paper', {'test_loss': 1}, source='x'), setting={'n': 1})])"
    ],
    "the source of results from elsewhere must be text that is not": [
        "elsewhere({'test_accuracy': 0.9}, source='')",
        "elsewhere({'test_accuracy': 0.9}, source=None)",
    ],
    "results from elsewhere must map at least one metric to its": [
        "elsewhere({})",
        "elsewhere(None)",
        "elsewhere([0.9, 0.8])",
        "elsewhere(0.9)",
    ],
    "a metric from elsewhere must be train_, val_ or test_ and the": [
        "elsewhere({'accuracy': [0.9]})",
        "elsewhere({1: [0.9]})",
    ],
    "test_accuracy from elsewhere must have at least one value": ["accuracy([])", "accuracy({})"],
    "test_accuracy from elsewhere must be finite numbers, got nan": ["accuracy([0.9, nan])", "accuracy({1: nan})"],
    "test_accuracy from elsewhere must be finite numbers, got inf": ["accuracy([inf])"],
    "test_accuracy from elsewhere must be finite numbers, got None": ["accuracy([0.9, None])"],
    "test_accuracy from elsewhere must be finite numbers, got '0.9'": ["accuracy(['0.9'])"],
    "test_accuracy from elsewhere must be finite numbers, got True": ["accuracy([True])"],
    "test_accuracy from elsewhere must be finite numbers, got [0.9": ["accuracy([[0.9, 0.8]])"],
    "test_accuracy from elsewhere must be a number, a list of": [
        "accuracy(None)",
        "accuracy('0.91')",
        "accuracy(nan)",
        "accuracy(build)",
    ],
    "test_accuracy from elsewhere must be from 0 to 1, got 91.2": [
        "accuracy(91.2)",
        "accuracy([0.9, 91.2])",
        "accuracy({'mean': 91.2, 'sd': 0.1, 'n': 5})",
    ],
    "test_accuracy from elsewhere must be from 0 to 1, got -0.1": ["accuracy({3: -0.1})"],
    "test_r2 from elsewhere must be at most 1, got 1.5": ["elsewhere({'test_r2': [-3, 1.5]}, metric='test_r2')"],
    "test_accuracy from elsewhere: a seed must be a whole number": [
        "accuracy({'one': 0.9})",
        "accuracy({1.5: 0.9})",
        "accuracy({-1: 0.9})",
        "accuracy({True: 0.9})",
    ],
    "test_accuracy from elsewhere must have mean, sd and n, got": [
        "accuracy({'mean': 0.9})",
        "accuracy({'mean': 0.9, 'sd': 0.1})",
        "accuracy({'mean': 0.9, 'sd': 0.1, 'n': 5, 'se': 1})",
    ],
    "test_accuracy from elsewhere: mean must be a finite number": ["accuracy({'mean': nan, 'sd': 0.1, 'n': 5})"],
    "test_accuracy from elsewhere: sd must be a finite number, not": [
        "accuracy({'mean': 0.9, 'sd': -0.1, 'n': 5})",
        "accuracy({'mean': 0.9, 'sd': None, 'n': 5})",
    ],
    "test_accuracy from elsewhere: n must be a whole number from 2": [
        "accuracy({'mean': 0.9, 'sd': 0.1, 'n': 1})",
        "accuracy({'mean': 0.9, 'sd': 0.1, 'n': 5.5})",
    ],
    "a study needs at least one arm, got only results from elsewhere": [
        "study(arms=[Arm.from_results('paper', {'test_loss': 1}, source='x')])"
    ],
    "arm names must differ by more than case, got ['paper'] twice": [
        "study(arms=[Arm('Paper'), Arm.from_results('paper', {'test_loss': 1}, source='x')])"
    ],
    "sweep s must name arms of this study, got 'paper'": [
        "study(elsewhere=[Arm.from_results('paper', {'test_loss': 1}, source='x')],"
        " sweeps=[Sweep('s', {'rate': [1]}, arms=['paper'])])"
    ],
    "Reported must name arms of this study, got 'paper'": [
        "study(elsewhere=[Arm.from_results('paper', {'test_loss': 1}, source='x')],"
        " reported=[Reported('paper', 'test_loss', 1)])"
    ],
    "Study.elsewhere must be a list of Arm objects": ["study(elsewhere=None)", "study(elsewhere={'paper': 0.9})"],
    "Study.elsewhere must hold Arm objects only": ["study(elsewhere=[0.9])"],
    "claim 'a wins' must compare with an arm that the study trains": [
        "study(elsewhere=[Arm.from_results(name, {'test_loss': 1}, source='x') for name in ('p', 'q')],"
        " claims=[Claim('a wins', 'p', 'q', 'test_loss')])"
    ],
    "claim 'a wins' is about test_accuracy, got an arm paper from": ["elsewhere({'test_loss': [0.3, 0.4]})"],
    "claim 'a wins' with paper from elsewhere must compare ends of": [
        "elsewhere({'test_accuracy': 0.9}, epoch=3)",
        "elsewhere({'test_accuracy': 0.9}, target=0.9)",
        "elsewhere({'test_accuracy': 0.9}, phase='tuning')",
        "elsewhere({'test_accuracy': 0.9}, phase='sweep', sweep='s')",
    ],
    "results from elsewhere must be a CSV file in UTF-8": ["from_csv('nowhere.csv')", "from_csv('.')"],
    "must have a column 'accuracy', got": ["from_csv(__file__)"],
    "columns must map each metric to the name of its column in": [
        "from_csv('results.csv', ['test_accuracy'])",
        "from_csv('results.csv', {})",
        "from_csv('results.csv', {'test_accuracy': 3})",
    ],
    "TypeError: Arm.from_results() missing 1 required keyword-only": ["Arm.from_results('paper', {'test_loss': 1})"],
    "TypeError: Arm.__init__() got an unexpected keyword argument": ["one_arm(colour='red')"],
    "TypeError: Arm.__init__() missing 1 required positional": ["study(arms=[Arm()])"],
    "ValueError: `low <= high` must hold, but got (low=1.0,": ["tuned(FloatDistribution(1.0, 0.1))"],
    "ValueError: `low > 0` must hold for `log=True`, but got": [
        "tuned(FloatDistribution(0.0, 1.0, log=True))",
        "tuned(FloatDistribution(-1.0, 1.0, log=True))",
    ],
    "ValueError: The parameter `step` is not supported when `log`": [
        "tuned(FloatDistribution(0.1, 1.0, log=True, step=0.1))"
    ],
    "ValueError: `step > 0` must hold, but got step=-0.1.": ["tuned(FloatDistribution(0.0, 1.0, step=-0.1))"],
    "ValueError: `step > 0` must hold, but got step=0.": [
        "tuned(FloatDistribution(0.0, 1.0, step=0))",
        "tuned(IntDistribution(1, 8, step=0))",
    ],
    "arm a: space: rate: low, high and step must be finite numbers": [
        "tuned(FloatDistribution(nan, 1.0))",
        "tuned(FloatDistribution(0.0, nan))",
        "tuned(FloatDistribution(0.0, inf))",
        "tuned(FloatDistribution(-inf, inf))",
        "tuned(FloatDistribution(0, 1e308 * 2))",
        "tuned(FloatDistribution(-1.7e308, 1.7e308))",
        "tuned(IntDistribution(0, 10**400))",
    ],
    "step=nan": ["tuned(FloatDistribution(0.0, 1.0, step=nan))"],
    "ValueError: `low <= high` must hold, but got (low=5, high=1).": ["tuned(IntDistribution(5, 1))"],
    "ValueError: `low >= 1` must hold for `log=True`, but got": ["tuned(IntDistribution(0, 8, log=True))"],
    "ValueError: The `choices` must contain one or more elements.": ["tuned(CategoricalDistribution([]))"],
    "arm a: space: rate: a choice must be text, a finite number,": [
        "tuned(CategoricalDistribution(['a', nan]))",
        "tuned(CategoricalDistribution([(1, 2), (3, 4)]))",
        "tuned(CategoricalDistribution([build]))",
    ],
    "arm a: space: rate: choices must differ": ["tuned(CategoricalDistribution(['x', 'x']))"],
    "TypeError: object of type 'NoneType' has no len()": ["tuned(CategoricalDistribution(None))"],
    "arm a: space: epochs must be whole numbers from 1 to 1,000,000": [
        "one_arm(space={'epochs': FloatDistribution(1.0, 5.0)})",
        "one_arm(space={'epochs': IntDistribution(0, 5)})",
    ],
    "arm a: space: batch_size must be whole numbers from 1 to": [
        "one_arm(space={'batch_size': CategoricalDistribution([0, 32])})",
        "one_arm(space={'batch_size': CategoricalDistribution(['32'])})",
    ],
    "searches must be 1, or at least 3 to compare methods": ["protocol(searches=2)"],
    "rounds must be a whole number from 0 to 100": [
        "protocol(rounds=-1)",
        "protocol(rounds=1.5)",
        "protocol(rounds=True)",
    ],
    "arm a: gpus must be a whole number from 1 to 64": ["one_arm(gpus=0)", "one_arm(gpus=1.5)", "one_arm(gpus=65)"],
    "Protocol.constraints must be a list": ["protocol(constraints=5)"],
    "Protocol.constraints must hold Constraint objects only": ["protocol(constraints=['parameters <= 5'])"],
    "Constraint.metric must be train_, val_ or test_": ["protocol(constraints=[Constraint('accuracy', at_least=1)])"],
    "a search must not see the test set, got Constraint.metric='test_loss'": [
        "protocol(constraints=[Constraint('test_loss', at_most=1)])"
    ],
    "Constraint.at_most must be None or a number": [
        "protocol(constraints=[Constraint('val_loss', at_most='1')])",
        "protocol(constraints=[Constraint('val_loss', at_most=inf)])",
    ],
    "a constraint needs at_least, at_most or both in this order": [
        "protocol(constraints=[Constraint('val_loss')])",
        "protocol(constraints=[Constraint('val_loss', at_least=2, at_most=1)])",
    ],
    "Protocol.objectives must be a list": ["protocol(objectives=5)"],
    "Protocol.objectives must hold Objective objects only": ["protocol(objectives=['val_loss'])"],
    "Protocol.objectives must be two to four of different metrics": [
        "protocol(objectives=[Objective('val_loss', 1, 0)])",
        "protocol(objectives=[Objective('val_loss', 1, 0), Objective('val_loss', 2, 0)])",
    ],
    "a search with objectives maximizes val_hypervolume": [
        "protocol(objectives=[Objective('val_loss', 1, 0), Objective('val_f1', 0, 1)], metric='val_loss')",
        "protocol(objectives=[Objective('val_loss', 1, 0), Objective('val_f1', 0, 1)], direction='minimize')",
    ],
    "front must be a whole number from 1": ["protocol(front=0)", "protocol(front='all')"],
    "a search must not see the test set, got Objective.metric='test_loss'": [
        "protocol(objectives=[Objective('test_loss', 1, 0)])"
    ],
    "what is good on its training rows need not be on others": ["protocol(objectives=[Objective('train_loss', 1, 0)])"],
    "an objective needs two numbers that differ": [
        "protocol(objectives=[Objective('val_loss', 1, 1)])",
        "protocol(objectives=[Objective('val_loss', None, 1)])",
    ],
    "an objective on a log scale needs values above 0": [
        "protocol(objectives=[Objective('val_loss', 1, 0, log=True)])"
    ],
    "Objective.log must be True or False": ["protocol(objectives=[Objective('val_loss', 1, 0, log='yes')])"],
    "arm a: conditions must map names to parents to values": [
        "one_arm(conditions='kind')",
        "one_arm(space=RATE, conditions={'rate': 'sgd'})",
        "one_arm(space=RATE, conditions={'rate': {}})",
    ],
    "arm a: conditions must name parameters of space": ["one_arm(space=RATE, conditions={'size': {'rate': 0.5}})"],
    "arm a: conditions: rate must depend on categorical parameters of space": [
        "one_arm(space=RATE, conditions={'rate': {'rate': 0.5}})",
        "one_arm(space=RATE, conditions={'rate': {'kind': 'sgd'}})",
    ],
    "arm a: conditions: rate exists at choices of kind": [
        "one_arm(space=RATE | KIND, conditions={'rate': {'kind': 'c'}})",
        "one_arm(space=RATE | KIND, conditions={'rate': {'kind': []}})",
    ],
    "arm a: conditions must not go round in a circle": [
        "one_arm(space=KIND, conditions={'kind': {'kind': 'a'}})",
    ],
    "arm a: reported must not give": [
        "one_arm(space=RATE | KIND, conditions={'rate': {'kind': 'a'}}, reported={'kind': 'b', 'rate': 0.5})",
    ],
    "arm a: start must be a list": ["one_arm(start=0.5)", "one_arm(start={'rate': 0.1})"],
    "arm a: start must hold Mapping objects only": ["one_arm(start=['rate'])"],
    "arm a: start must give each parameter of space and no other": [
        "one_arm(start=[{'rate': 0.1}])",
        "one_arm(space=RATE, start=[{}])",
        "one_arm(space=RATE, start=[{'rate': 0.5, 'size': 3}])",
    ],
    "arm a: start must be within the ranges of space": [
        "one_arm(space=RATE, start=[{'rate': 1e9}])",
        "one_arm(space=RATE, start=[{'rate': 'fast'}])",
    ],
    "arm a: start must give each setting once": ["one_arm(space=RATE, start=[{'rate': 0.5}, {'rate': 0.5}])"],
    "arm a: limits must map names to values": ["one_arm(limits=0.5)"],
    "arm a: limits: must name numeric parameters of space": ["one_arm(limits={'rate': (0, 1)})"],
    "arm a: limits: rate must be two numbers that contain its range": [
        "one_arm(space=RATE, limits={'rate': (0.1, 2.0)})",
        "one_arm(space=RATE, limits={'rate': 2.0})",
    ],
    "Protocol.metric must be train_, val_ or test_ and the name of": [
        "protocol(metric=None)",
        "protocol(metric='')",
        "protocol(metric='accuracy')",
        "protocol(metric='val_two\\nlines')",
        "protocol(metric=['val_accuracy'])",
    ],
    "a search must not see the test set or judge by its training": [
        "protocol(metric='test_accuracy')",
        "protocol(metric='train_loss')",
    ],
    "Protocol.direction must be maximize or minimize": [
        "protocol(direction='max')",
        "protocol(direction=1)",
        "protocol(direction=['maximize'])",
    ],
    "Protocol.split must be a Split": ["protocol(split=None)", "protocol(split=0.1)"],
    "the search needs validation rows": ["protocol(split=Split())"],
    "Protocol.reported_split must be a Split": ["protocol(reported_split=0.1)", "protocol(reported_split='none')"],
    "rows must be None or a whole number from 1 to 1,000,000": [
        "protocol(rows=0)",
        "protocol(rows='all')",
        "protocol(rows=2.0)",
    ],
    "both training and validation need at least one row": [
        "protocol(rows=1)",
        "protocol(reported_split=Split(validation=100_000))",
        "split(validation=10_000_000)",
        "split(validation=1e-9)",
    ],
    "TypeError: Protocol.__init__() got an unexpected keyword": ["protocol(epoch=5)"],
    "Split.validation must be a number of rows, a share in [0, 1),": [
        "split(validation=None)",
        "split(validation='0.1')",
        "split(validation=-1)",
        "split(validation=1.0)",
        "split(validation=nan)",
        "split(validation=True)",
        "split(validation=10**400)",
        "split(validation=[1, 1])",
        "split(validation=[])",
        "split(validation=[-1])",
        "split(validation=range(10**12))",
        "split(validation='stated rows')",
    ],
    "Split.validation names 2 rows up to 1437, but there are 1437:": ["split(validation=[0, 1437])"],
    "a row either validates or tests, got row 2 in both": ["split(validation=[1, 2], test=[2, 3])"],
    "Split.validation is 'stated', but digits states no rows for": ["split(validation='stated')"],
    "Split.validation must be a number of rows or a share where": [
        "split(validation='stated', test=0.2, random_state=1, resample='folds')",
        "split(validation=[1, 2], test=0.2, resample='time')",
        "split(validation='stated', last=0.2)",
        "split(validation=[1, 2], last=0.2)",
    ],
    "Split.last must be None, a share in (0, 1) or a number of rows": [
        "split(last=1.0)",
        "split(last=0)",
        "split(last=-1)",
        "split(last=True)",
        "split(last='0.2')",
        "split(last=nan)",
    ],
    "Split.last must leave a row that trains, got the last 1437 of": [
        "split(last=1437)",
        "split(last=1 - 1e-9)",
    ],
    "Split.validation must leave a row that trains, got the last 37": ["split(validation=37, last=1400)"],
    "must be left out where Split.last says which rows test": [
        "split(last=0.2, test=0.2)",
        "split(last=0.2, test=[1])",
        "split(last=0.2, random_state=1)",
        "split(last=0.2, resample='time')",
        "split(last=0.2, groups='equal rows')",
        "split(last=0.2, stratify=True)",
    ],
    "Split.test must be None (the data set's own test rows), a": [
        "split(test=0.0)",
        "split(test=1.5)",
        "split(test=100)",
        "split(test=[])",
        "split(test=[1, 1])",
        "split(test=[-1])",
        "split(test=[0.5])",
        "split(test=range(10**12))",
        "split(test={1, 2})",
        "split(test=nan, random_state=1)",
    ],
    "Split.test must name rows that the data set states": ["split(test='last')"],
    "Split.test names 1 rows up to": ["split(test=[10**30])"],
    "Split.test names 1700 rows up to 1699, but there are 1437:": ["split(test=range(1700))"],
    "Split.random_state must be a number when Split.test is a share": [
        "split(test=0.2)",
        "split(test=0.2, resample='folds')",
    ],
    "every part needs at least one row": ["split(test=0.99999, random_state=1)"],
    "Split.random_state must be None or a whole number in [0, 2^32)": [
        "split(random_state='42')",
        "split(random_state=-1)",
        "split(random_state=2**32)",
        "split(random_state=1.5)",
        "split(random_state=True)",
    ],
    "Split.resample must be random, folds, groups or time": [
        "split(resample='bootstrap')",
        "split(resample=5)",
        "split(resample=True)",
        "split(resample=['folds'])",
        "split(resample='')",
    ],
    "Split.test must be a share in (0, 1) where splits are": [
        "split(resample='random')",
        "split(resample='random', test=[1, 2])",
        "split(resample='time', test='last')",
    ],
    "Split.test must be 1 divided by a whole number where": [
        "split(resample='folds', test=0.3, random_state=1)",
        "split(resample='time', test=0.7)",
    ],
    "Split.test must be 1 / 3 at most where Split.resample is 'time'": ["split(resample='time', test=0.5)"],
    "Split.random_state must be a number where groups are kept": ["split(groups='a')"],
    "Split.resample must be None, 'groups' or 'folds' where groups": [
        "split(resample='random', test=0.2, random_state=1, groups='a')",
        "split(resample='time', test=0.2, random_state=1, groups='a')",
    ],
    "Split.test must be None or a share where groups are kept whole": [
        "split(groups='a', random_state=1, test=[1, 2])",
        "split(groups='a', random_state=1, test='last')",
    ],
    "Split.stratify must be True or False": [
        "split(stratify=None)",
        "split(stratify=1)",
        "split(stratify='y')",
    ],
    "Split.stratify must be False where groups are kept whole or": [
        "split(stratify=True, test=0.2, random_state=1, groups='equal rows')",
        "split(stratify=True, test=0.2, resample='time')",
    ],
    "Split.random_state must be a number where Split.stratify is": ["split(stratify=True)"],
    "Split.stratify needs one of several classes for each row, but": [
        "study(dataset='diabetes', protocol=Protocol(split=Split(0.2, 0.2, 1, stratify=True)))"
    ],
    "Split.groups must be the name of a column, 'equal rows' or": [
        "split(groups=None)",
        "split(resample='groups', test=0.2, random_state=1)",
        "split(resample='groups', test=0.2, random_state=1, groups=5)",
        "split(resample='groups', test=0.2, random_state=1, groups=['a'])",
    ],
    "Split.groups must be 'equal rows' or a column of digits": [
        "split(resample='groups', test=0.2, random_state=1, groups='writer')",
        "split(resample='folds', test=0.2, random_state=1, groups='writer')",
        "split(test=0.2, random_state=1, groups='writer')",
        "split(test=0.2, random_state=1, groups='stated')",
    ],
    "Split.validation must be a share where groups are kept whole": [
        "split(resample='groups', test=0.2, random_state=1, groups='equal rows', validation=9)",
        "split(test=0.2, random_state=1, groups='equal rows', validation=[9])",
        "split(random_state=1, groups='equal rows', validation='stated')",
    ],
    "seeds of all searches must be 4 at most, one for each block of": [
        "study(arms=[Arm('a')], protocol=Protocol(split=Split(0.2, 0.2, resample='time')))"
    ],
    "Sweep.name must be 1 to 64 letters, digits, _, . or - and not": [
        "sweep(name='')",
        "sweep(name=None)",
        "sweep(name='../s')",
    ],
    "sweep s: grid must map names to lists of values": [
        "sweep(grid=None)",
        "sweep(grid=[0.1])",
        "sweep(grid={'rate': 0.1})",
        "sweep(grid={'rate': 'abc'})",
    ],
    "sweep s: grid must give each parameter at least one value,": [
        "sweep(grid={})",
        "sweep(grid={'rate': []})",
        "sweep(grid={'rate': [0.1, 0.1]})",
    ],
    "sweep s: grid: rate must be text, a finite number, true,": [
        "sweep(grid={'rate': [nan]})",
        "sweep(grid={'rate': [[1], [2]]})",
    ],
    "sweep s: grid: a parameter's name must be an identifier other": [
        "sweep(grid={'a b': [1]})",
        "sweep(grid={5: [1]})",
        "sweep(grid={'seed': [1]})",
    ],
    "sweep s: grid: epochs must be a whole number from 1 to": ["sweep(grid={'epochs': [0]})"],
    "sweep s: grid may have 10,000 combinations at most": ["sweep(grid={f'p{i}': range(100) for i in range(10)})"],
    "sweep s: seeds must be a whole number from 1": ["sweep(seeds=0)", "sweep(seeds='6')"],
    "sweep s: arms must be a list of texts": ["sweep(arms='a')", "sweep(arms=None)"],
    "sweep s must name arms of this study": ["sweep(arms=['nobody'])"],
    "sweep s: arms must hold texts only": ["sweep(arms=[5])"],
    "sweep s: fixed must map names to values": ["sweep(fixed=None)"],
    "sweep s: a parameter is either in grid or in fixed": ["sweep(fixed={'rate': 0.1})"],
    "sweep s: own must map arms to names to lists of values": [
        "sweep(own=None)",
        "sweep(own={'a': 0.1})",
        "sweep(own={'a': {'rate': 0.1}})",
        "sweep(own=[{'rate': [0.1, 0.2]}])",
    ],
    "sweep s: own must give a as many values of 'rate' as grid does": [
        "sweep(own={'a': {'rate': [0.1]}})",
        "sweep(own={'a': {'rate': []}})",
    ],
    "sweep s: own must give a as many values of 'x' as grid does": ["sweep(own={'a': {'x': [1, 2]}})"],
    "sweep s must name arms of this study, got 'nobody'": ["sweep(own={'nobody': {'rate': [1, 2]}})"],
    "sweep s: fixed: x must be text, a finite number, true, false": ["sweep(fixed={'x': nan})"],
    "sweep s leaves parameters of arm a open": [
        "study(arms=[Arm('a', space=RATE)], sweeps=[Sweep('s', {'units': [1]})])"
    ],
    "Claim.text must be text that is not blank": ["claim(text='')", "claim(text=None)", "claim(text=5)"],
    "claim 'a wins' must name arms of this study": [
        "claim(better='')",
        "claim(better='nobody')",
        "claim(than='nobody')",
    ],
    "Claim.better of 'a wins' must be text (or empty)": ["claim(better=None)", "claim(better=['a'])"],
    "Claim.than of 'a wins' must name at least one arm": ["claim(than=())"],
    "Claim.than of 'a wins' must be a list of texts": ["claim(than=None)", "claim(than=5)"],
    "Claim.than of 'a wins' must hold texts only": ["claim(than=[None])"],
    "Claim.than of 'a wins' must not name the better arm": ["claim(than='a')"],
    "Claim.than of 'a wins' must name each arm once": ["claim(than=['b', 'b'])"],
    "Claim.metric of 'a wins' must be train_, val_ or test_ and the": [
        "claim(metric='')",
        "claim(metric='accuracy')",
        "claim(metric=None)",
    ],
    "the name of metric 'test_speed' does not say which way is": ["claim(metric='test_speed')"],
    "the name of metric 'val_speed' does not say which way is": ["protocol(metric='val_speed')"],
    "Claim.phase of 'a wins' must be replicate, reported, defaults,": [
        "claim(phase='')",
        "claim(phase='search')",
        "claim(phase=None)",
    ],
    "claim 'a wins' compares defaults settings": ["claim(phase='defaults')"],
    "claim 'a wins' compares tuning settings": ["claim(phase='tuning')"],
    "Claim.sweep of 'a wins' names a sweep where phase is sweep": ["claim(phase='sweep')", "claim(sweep='s')"],
    "this study has no sweep 'nothing': choose from none": ["claim(phase='sweep', sweep='nothing')"],
    "Claim.sweep of 'a wins' must be text (or empty)": ["claim(sweep=5)"],
    "Claim.epoch of 'a wins' must be None or at least 1": ["claim(epoch=0)", "claim(epoch='last')", "claim(epoch=2.0)"],
    "Claim.target of 'a wins' must be a number, and then epoch": [
        "claim(target='0.9')",
        "claim(target=nan)",
        "claim(target=0.9, epoch=3)",
    ],
    "Claim.direction of 'a wins' must be maximize or minimize": ["claim(direction='up')", "claim(direction=1)"],
    "Claim.margin of 'a wins' must be a number above 0": [
        "claim(margin=0)",
        "claim(margin=-0.1)",
        "claim(margin=inf)",
        "claim(margin='1 %')",
    ],
    "Claim.rope of 'a wins' must be a number above 0": ["claim(rope=0.0)", "claim(rope=[0.1])"],
    "Claim.rope of 'a wins' must be None where margin is given": ["claim(margin=0.1, rope=0.1)"],
    "Claim.over and Claim.at of 'a wins' are about a sweep": ["claim(at={'rate': 0.1})", "claim(over='worst')"],
    "Claim.at of 'a wins' must map names to values": ["claim(at=None)"],
    "Claim.over of 'a wins' must be mean, worst or spread": ["claim(over='median')", "claim(over=None)"],
    "Claim.untestable of 'a wins' must be text (or empty)": ["claim(untestable=True)", "claim(untestable=None)"],
    "Claim.aa_test of 'a wins' must be True or False": ["claim(aa_test='yes')"],
    "2 claims need at least 7 seeds to reach significance (2 /": [
        "study(claims=[Claim('a wins', 'a', 'b', 'test_accuracy')] * 2, protocol=Protocol(searches=1, seeds=3))"
    ],
    "claim 'x' compares arms of sweep s": ["study(sweeps=[Sweep('s', {'rate': [1, 2]}, arms=['a'])], claims=[SWEPT])"],
    "claim 'x' is about values of sweep s": ["study(sweeps=[Sweep('s', {'rate': [1]})], claims=[SWEPT])"],
    "Reported must name arms of this study": ["reported(arm='nobody')"],
    "Reported.arm must be text that is not blank": ["reported(arm=None)", "reported(arm='')"],
    "Reported.metric of arm a must be train_, val_ or test_ and the": [
        "reported(metric='accuracy')",
        "reported(metric=None)",
    ],
    "Reported.value of a test_accuracy must be a finite number": [
        "reported(value=None)",
        "reported(value='96 %')",
        "reported(value='')",
        "reported(value=nan)",
        "reported(value='inf')",
        "reported(value=True)",
        "reported(value='0e99999')",
        "reported(value=10**400)",
        "reported(value=[0.9])",
    ],
    "Reported.epoch of a test_accuracy must be None or at least 1": ["reported(epoch=0)", "reported(epoch='10')"],
    "Reported.setting of arm a must map names to values": ["reported(setting=None)"],
    "Reported.setting of arm a: epochs must be a whole number from": ["reported(setting={'epochs': 0})"],
    "Reported.setting of arm a: a parameter's name must be an": ["reported(setting={'a b': 0})"],
    "Reported.place of arm a must be text (or empty)": ["reported(place=5)"],
    "a reported figure needs the setting of its run": [
        "study(arms=[Arm('a'), Arm('b')], reported=[Reported('a', 'test_accuracy', 0.9)])"
    ],
    "Derived.text must be text that is not blank": ["derived(text='')", "derived(text=None)"],
    "Derived.reported of 'a sum' must be a finite number": [
        "derived(reported=None)",
        "derived(reported='a lot')",
        "derived(reported=nan)",
        "derived(reported='0e99999')",
        "derived(reported=True)",
    ],
    "Derived.value of 'a sum' must be a finite number": [
        "derived(value=None)",
        "derived(value='three')",
        "derived(value=[1, 2])",
        "derived(value=True)",
        "derived(value=lambda: 0.3)",
        "derived(value=nan)",
        "derived(value=inf)",
        "derived(value=10**400)",
    ],
    "Derived.why of 'a sum' must be text (or empty)": ["derived(why=5)"],
    **{
        f"{name} must be a whole number from 1 to 1,000,000, got {value}": [f"protocol({name}={value})"]
        for name in ("epochs", "batch_size", "trials", "seeds", "searches", "reported_seeds", "silence_s")
        for value in ("0", "-1", "2.5", "'3'", "True", "nan", "1000000000")
    },
    **{
        f"checkpoint_minutes must be None or a number of minutes from 0, got {value}": [
            f"protocol(checkpoint_minutes={value})"
        ]
        for value in ("-1", "'3'", "True", "nan", "inf", "[1]")
    },
    **{
        f"trial_minutes must be None or a number of minutes above 0, got {value}": [f"protocol(trial_minutes={value})"]
        for value in ("0", "-1", "'3'", "True", "nan", "inf")
    },
    **{
        f"{name} must be None or a number above 0, got {value}": [f"protocol({name}={value})"]
        for name in ("budget_seconds", "budget_joules")
        for value in ("0", "-1", "'3'", "True", "nan", "inf")
    },
    "a search has one budget, got both budget_seconds=5 and": ["protocol(budget_seconds=5, budget_joules=5)"],
    "got rounds=2 with 5 s of slot time": ["protocol(budget_seconds=5, rounds=2)"],
}
"""The text that a message must contain, and the studies that get it: each follows `STUDY =` at the end of `HEAD`."""

FILES = [
    ("bad.py", b"", "bad.py must define STUDY = Study(...)"),
    ("bad.py", b"x = = 1\n", "invalid syntax"),
    ("bad.py", b"STUDY = Study(\n", "'(' was never closed"),
    ("bad.py", b"def f():\nreturn 1\n", "expected an indented block after function definition on line 1"),
    ("bad.py", b"if True:\n\tx = 1\n        y = 2\n", "inconsistent use of tabs and spaces in indentation"),
    ("bad.py", b"print 'hello'\n", "Missing parentheses in call to 'print'. Did you mean"),
    ("bad.py", b"x = '\n", "unterminated string literal (detected at line 1)"),
    ("bad.py", b"x = '''\n", "unterminated triple-quoted string literal (detected at line 1)"),
    ("bad.py", b"(" * 500, "too many nested parentheses"),
    ("bad.py", b"x = " + b"-" * 200_000 + b"1", "bad.py"),
    ("bad.py", b"x = " + b"9" * 10_000, "Exceeds the limit (4300 digits) for integer string"),
    ("bad.py", b"return\n", "'return' outside function"),
    ("bad.py", b"x = 1\x00\n", "source code string cannot contain null bytes"),
    ("bad.py", bytes(range(256)), "bad.py is not UTF-8 text, byte 128 is invalid: save it as UTF-8"),
    ("bad.py", b"\x7fELF\x02\x01\x01" + b"\x00" * 999, "source code string cannot contain null bytes"),
    ("bad.py", b"PK\x03\x04\x14\x00\xff\xfe", "bad.py is not UTF-8 text, byte 6 is invalid: save it as UTF-8"),
    ("bad.py", "STUDY = 'é'".encode("latin-1"), "bad.py is not UTF-8 text, byte 9 is invalid: save it as UTF-8"),
    (
        "bad.py",
        "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
        "bad.py is not UTF-8 text, byte 31 is invalid: save it as UTF-8",
    ),
    ("bad.py", "x = 1\n".encode("utf-16"), "bad.py is not UTF-8 text, byte 0 is invalid: save it as UTF-8"),
    ("bad.py", b"\xef\xbb\xbfx = 1\n", "bad.py must define STUDY = Study(...)"),
    ("bad.py", "x\u00a0= 1\n".encode(), "invalid non-printable character U+00A0"),
    ("bad.py", "x = “text”\n".encode(), "invalid character '“' (U+201C)"),
    ("bad.py", b"STUDY = None\n", "bad.py must define STUDY = Study(...)"),
    ("bad.py", b"study = 5\n", "bad.py must define STUDY = Study(...)"),
    ("bad.py", b"x = 1 / 0\n", "ZeroDivisionError: division by zero"),
    ("bad.py", b"import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    ("bad.py", b"from dlstudy import NoSuchThing\n", "ImportError: cannot import name 'NoSuchThing' from 'dlstudy'"),
    ("bad.py", b"open('no/such/file')\n", "FileNotFoundError: [Errno 2] No such file or directory:"),
    ("bad.py", b"import sys\nsys.exit()\n", "SystemExit"),
    ("bad.py", b"import sys\nsys.exit('I am leaving')\n", "SystemExit: I am leaving"),
    ("bad.py", b"exit(0)\n", "SystemExit: 0"),
    ("bad.py", b"raise BaseException('base')\n", "BaseException: base"),
    ("bad.py", b"raise GeneratorExit\n", "GeneratorExit"),
    ("bad.py", b"raise ValueError\n", "ValueError"),
    ("bad.py", b"raise ValueError('one\\ntwo\\nthree\\nfour\\nfive')\n", "ValueError: one two three four five"),
    ("bad.py", b"raise ValueError('x' * 1_000_000)\n", "ValueError:"),
    ("bad.py", b"raise ValueError('\\x1b[31mred\\x07\\x00')\n", "ValueError: red\n"),
    ("bad.py", b"class E(Exception):\n    def __str__(self):\n        raise ValueError('worse')\nraise E\n", "E"),
    ("bad.py", b"class E(Exception):\n    def __str__(self):\n        return 5\nraise E\n", "E"),
    ("bad.py", b"def f():\n    f()\nf()\n", "RecursionError: maximum recursion depth exceeded"),
    (
        "bad.py",
        b"def f():\n    raise ExceptionGroup('many', [ValueError(1), ValueError(2)])\nf()\n",
        "ExceptionGroup: many (2 sub-exceptions)",
    ),
    ("bad.py", b"raise MemoryError\n", "MemoryError"),
    ("bad.py", b"assert False\n", "AssertionError"),
    (
        "bad.py",
        b"from dlstudy import Study\nclass S(Study):\n    pass\nSTUDY = S\n",
        "bad.py must define STUDY = Study(...)",
    ),
    ("bad.py", b"import worse\n", "ModuleNotFoundError: No module named 'worse'"),
    ("bad.py", b"import bad\n", "bad.py must define STUDY = Study(...), got nothing of that name"),
    ("my study.py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("a'b\".py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("naïve.py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("-x.py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    (".py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("a" * 70 + ".py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("line\nfeed.py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("$(touch gone).py", b"", "the name of a study file must be 1 to 64 letters, digits, _,"),
    ("numpy.py", b"", "numpy.py must define STUDY = Study(...)"),
    ("a.b.py", b"", "a.b.py must define STUDY = Study(...)"),
    ("dlstudy.py", b"x\n", "dlstudy.py, line 1: NameError: name 'x' is not defined"),
]
"""A file's name, its bytes, and the text that the message must contain."""

COMMANDS = {
    "No such command 'runn'": ["runn"],
    "no name and no option may be empty": [
        "''",
        "run ''",
        "run good.py --trials ''",
        "run good.py --seeds ''",
        "run good.py --searches ''",
        "run good.py --epochs ''",
        "run good.py --workers ''",
        "run good.py --per-gpu ''",
        "run good.py --hours ''",
        "run good.py --failures ''",
        "run good.py --dataset ''",
        "run good.py --dataset mnist --dataset ''",
        "run good.py --phase ''",
        "run good.py --arm ''",
        "run good.py --sampler ''",
        "run good.py --engine ''",
        "run good.py --home ''",
        "run good.py --home=",
        "run good.py --storage ''",
        "run good.py --tracking-uri ''",
        "show good.py --arm ''",
        "status ''",
        "status --storage ''",
        "status --home ''",
        "report good.py --format ''",
        "report good.py --variant ''",
        "predict good.py --arm ''",
        "data fetch ''",
        "data show digits --output ''",
        "data show digits --home ''",
    ],
    "No such option: --nothing": ["--nothing", "run good.py --nothing"],
    "run takes a study's name or --all": ["run", "run good.py --all"],
    "no study is named ' ': choose from activations, batchnorm,": ["run ' '"],
    "no study is named 'optimisers': did you mean optimizers?": ["run optimisers"],
    "Got unexpected extra argument(s) (good.py)": ["run good good.py", "list good.py"],
    "no study file at 'nothing.py': check the path": ["run nothing.py", "status nothing.py"],
    "no study file at 'no/such/folder/good.py': check the path": ["run no/such/folder/good.py"],
    "no study is named '.': choose from activations, batchnorm,": ["run ."],
    "no study file at './': check the path": ["run ./"],
    "no study file at '/': check the path": ["run /"],
    "no study file at 'folder.py': check the path": ["run folder.py"],
    "passwd, line 1": ["run /etc/passwd"],
    "no study file at '~nosuchuser/x.py': check the path": ["run '~nosuchuser/x.py'"],
    "no study file at": [f"run {'a' * 5000}.py"],
    "no study file at 'good.py/more.py': check the path": ["run good.py/more.py"],
    "no study file at 'loop.py': check the path": ["run loop.py"],
    "no study file at '/dev/null': check the path": ["run /dev/null"],
    "no study file at 'pipe.py': check the path": ["run pipe.py"],
    "no study is named 'a\\nb': choose from activations, batchnorm,": ["run 'a\nb'"],
    "no study is named '\\x1b[31mred': choose from activations,": ["run '\x1b[31mred'"],
    "no study is named '\\udcff': choose from activations,": ["run '\udcff'"],
    "no study is named": [f"run {'x' * 100000}"],
    "No such option: --quik": ["run good.py --quik"],
    "No such option: -x": ["run good.py -x"],
    "--all runs every study as it is": ["run --all --arm a", "run --all --dataset digits --dataset wine"],
    "--all runs every study once, got --until-decided or": ["run --all --until-decided", "run --all --registered x"],
    "--at-most ends --until-decided, got --at-most 5 without it": ["run good.py --at-most 5", "run --all --at-most 5"],
    "--at-most must be from 6 seeds, the first stage, to 24, where": [
        "run good.py --until-decided --at-most 5",
        "run good.py --until-decided --at-most 25",
        "run good.py --until-decided --at-most -1",
    ],
    "Invalid value for '--at-most'": ["run good.py --until-decided --at-most many"],
    "--until-decided runs a study as a whole, got --phase or --arm": [
        "run good.py --until-decided --phase search",
        "run good.py --until-decided --arm a",
    ],
    "--registered takes a file of `dlstudy register`, got": [
        "run good.py --registered nothing.json",
        "run good.py --registered good.py",
        "run good.py --registered .",
    ],
    "the plan cannot be written to": ["register good.py -o good.py/plan.json", "register good.py -o ."],
    "Option '--trials' requires an argument": ["run good.py --trials"],
    "trials must be a whole number from 1 to 1,000,000": [
        "run good.py --trials 0",
        "run good.py --trials -1",
        "run good.py --trials 1000000000000000000000000000000",
    ],
    "Invalid value for '--trials'": [
        "run good.py --trials 2.5",
        "run good.py --trials many",
        "run good.py --trials nan",
    ],
    "seeds must be a whole number from 1 to 1,000,000": [
        "run good.py --seeds 0",
        "run good.py --seeds -1",
        "run good.py --seeds 1000000000000000000000000000000",
    ],
    "Invalid value for '--seeds'": [
        "run good.py --seeds 2.5",
        "run good.py --seeds many",
        "run good.py --seeds nan",
    ],
    "searches must be a whole number from 1 to 1,000,000": [
        "run good.py --searches 0",
        "run good.py --searches -1",
        "run good.py --searches 1000000000000000000000000000000",
    ],
    "Invalid value for '--searches'": [
        "run good.py --searches 2.5",
        "run good.py --searches many",
        "run good.py --searches nan",
    ],
    "--epochs must be at least 1": ["run good.py --epochs 0", "run good.py --epochs -1", "plan good.py --epochs 0"],
    "Invalid value for '--epochs'": [
        "run good.py --epochs 2.5",
        "run good.py --epochs many",
        "run good.py --epochs nan",
    ],
    "epochs must be a whole number from 1 to 1,000,000": ["run good.py --epochs 1000000000000000000000000000000"],
    "--aa-test must be from 0 to 100": ["run good.py --aa-test 101", "plan good.py --aa-test -1"],
    "Invalid value for '--aa-test'": ["run good.py --aa-test 2.5", "run --aa-test 3d.py"],
    "Got unexpected extra argument(s) (many)": ["run good.py --aa-test many"],
    "--replication must be from 1 to 999,999,999": [
        "run good.py --replication 0",
        "check good.py --replication -1",
        "plan good.py --replication 0",
        "run good.py --replication 1000000000000000000000000000000",
    ],
    "Invalid value for '--replication'": ["run good.py --replication 2.5", "run good.py --replication many"],
    "--times must be from 2 to 100": [
        "replicate good.py --times 1",
        "replicate good.py --times 0",
        "replicate good.py --times 1000000000000000000000000000000",
    ],
    "Invalid value for '--times'": ["replicate good.py --times 2.5", "replicate good.py --times twice"],
    "replicate runs the replications 1 to --times": [
        "replicate good.py --fresh",
        "replicate good.py --replication 2",
    ],
    "--workers must be at least 1": [
        "replicate good.py --workers 0",
        "run good.py --workers 0",
        "run good.py --workers -1",
        "plan good.py --workers 0",
        "devices --workers 0",
        "devices --workers -3",
    ],
    "Invalid value for '--workers'": [
        "run good.py --workers 2.5",
        "run good.py --workers many",
        "run good.py --workers nan",
    ],
    "--workers must be at most 1,000": [
        "run good.py --workers 1000000000000000000000000000000",
        "run good.py --workers 1001",
    ],
    "--hours must be more than 0, and at most 100,000": [
        *("run good.py --hours 0", "run good.py --hours -1", "run good.py --hours nan", "run good.py --hours 1e9"),
    ],
    "Invalid value for '--hours'": ["run good.py --hours long"],
    "--register must be a name of letters, digits, spaces": [
        "run good.py --register a/b",
        "run good.py --register '%'",
    ],
    "--notify must be an address that Apprise knows": ["run good.py --notify nonsense"],
    "--failures must be at least 1": ["run good.py --failures 0", "replicate good.py --failures -1"],
    "--per-gpu must be at least 1": [
        "run good.py --per-gpu 0",
        "run good.py --per-gpu -1",
        "plan good.py --per-gpu 0",
        "devices --per-gpu 0",
    ],
    "Invalid value for '--per-gpu'": [
        "run good.py --per-gpu 2.5",
        "run good.py --per-gpu many",
        "run good.py --per-gpu nan",
        "devices --per-gpu x",
    ],
    "--per-gpu must be at most 1,000": ["run good.py --per-gpu 1000000000000000000000000000000"],
    "searches must be 1, or at least 3 to compare methods": ["run good.py --searches 2"],
    "1 claims need at least 6 seeds to reach significance (2 /": ["run good.py --seeds 1"],
    "--dataset names each data set once, got mnist twice": [
        "run good.py --dataset mnist --dataset mnist",
        "plan good.py --dataset mnist --dataset mnist",
        "check good.py --dataset mnist --dataset digits --dataset mnist",
    ],
    "a data set is one of mnist, digits, fashion_mnist, cifar10,": [
        "run good.py --dataset mnist --dataset minst",
        "run good.py --dataset minst",
        "run good.py --dataset ../digits",
        "plan good.py --dataset minst",
        "data fetch minst",
        "data fetch ../digits",
        "data show minst",
        "data verify minst",
    ],
    "--phase must be one of reported, defaults, search, replicate,": ["run good.py --phase train"],
    "replicates of a need its search, which has 0 of 8 trials: run": ["run good.py --phase replicate"],
    "this study has no arm 'nobody': choose from a, b": [
        "run good.py --arm nobody",
        "show good.py --arm nobody",
        "predict good.py --arm nobody",
    ],
    "this study has no arm 'A': choose from a, b": ["run good.py --arm A"],
    "--sampler must be one of sobol, random, tpe": ["run good.py --sampler grid"],
    "--pruner must be one of none, median, hyperband": ["run good.py --pruner axe"],
    "--engine must be one of local, inline": ["run good.py --engine steam"],
    "--engine inline trains one at a time": ["run good.py --engine inline --workers 4"],
    "cannot use 'loop.py' as the results folder": ["run good.py --home loop.py"],
    "the results folder": ["run good.py --home file", "run good.py --home file/below"],
    "cannot use '~nosuchuser/home' as the results folder": ["run good.py --home '~nosuchuser/home'"],
    "as the results folder": [f"run good.py --home {'x' * 300}"],
    "the results folder /proc/nowhere cannot be written to (No such file or": ["run good.py --home /proc/nowhere"],
    "a storage is sqlite:///FILE, postgresql+psycopg://USER@HOST/DATABASE or mysql+pymysql://USER@HOST/DATABASE": [
        "run good.py --storage nonsense",
        "status --storage nonsense",
        "dashboard --no-open --storage nonsense",
        "run good.py --storage redis://127.0.0.1:1",
    ],
    "the storage that --storage names cannot be opened": [
        "run good.py --storage postgresql://nobody:secret@127.0.0.1:1/x",
        "run good.py --storage sqlite:////proc/nowhere/x.db",
    ],
    "a tracking URI begins with one of http, https, sqlite,": [
        "run good.py --tracking-uri foo://x",
        "ui --no-open --tracking-uri foo://x",
    ],
    "Got unexpected extra argument(s) (yes)": ["run good.py --json yes"],
    "Option '--quick' does not take a value": ["run good.py --quick=3"],
    "Missing argument 'study'": ["plan", "show", "predict", "replicate"],
    "no study is named 'nothing': did you mean housing?": [
        "plan nothing",
        "replicate nothing",
        "show nothing",
        "report nothing",
        "predict nothing",
    ],
    "No such option: --all": ["plan good.py --all"],
    "--variant chooses the model of an arm": ["show good.py --variant quick"],
    "no variant is named 'nothing': `dlstudy status` lists them": [
        "show good.py --arm b --variant nothing",
        "predict good.py --variant nothing",
    ],
    "no variant is named 'replication=1': `dlstudy status` lists": ["show good.py --arm b --variant replication=1"],
    "no variant is named '../..': `dlstudy status` lists them": ["show good.py --arm b --variant ../.."],
    "no results of 'nothing' in": ["status nothing"],
    "no results of 'good' in": ["status good.py"],
    "report takes a study's name or --all": ["report"],
    "good has no results here: run `dlstudy run good` first, or": [
        "report good.py",
        "report good.py --format docx",
        "report good.py --variant nothing",
    ],
    "report --all takes every study and variant": ["report good.py --all", "report --all --variant quick"],
    "no results in": ["report --all"],
    "Invalid value for '--port'": ["ui --port -1", "ui --port 99999", "ui --port http", "dashboard --port 70000"],
    "no runs in": ["ui --no-open", "ui good --no-open"],
    "no searches here: run `dlstudy run STUDY` first, or name": ["dashboard --no-open"],
    "no searches of nothing here: run `dlstudy run nothing` first,": ["dashboard nothing --no-open"],
    "TensorBoard is not installed here: pip install": ["tensorboard --no-open"],
    "a study's name must be 1 to 64 letters": ["tensorboard ../.. --no-open"],
    "good has no trained winner in variant default: run `dlstudy": [
        "predict good.py",
        "predict good.py --samples 0",
        "predict good.py --samples -5",
        "predict good.py --input nothing.png",
    ],
    "Invalid value for '--samples'": ["predict good.py --samples ten"],
    "No such command 'burn'": ["data burn"],
    "Missing argument 'name'": ["data fetch"],
    "Got unexpected extra argument(s) (mnist)": ["data fetch digits mnist"],
    "Got unexpected extra argument(s) (digits)": ["data path digits"],
}
"""The text that a message must contain, and the command lines that get it, as a shell would take them."""
