"""`dlstudy.run` in the cells of a notebook that a kernel executes."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import dlstudy
from dlstudy.api.notebook_display import NotebookDisplay, in_notebook
from dlstudy.cli.app import main

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Jupyter's own packages
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CELLS = [
    "import keras\nimport dlstudy\nfrom dlstudy import Arm, Protocol, Split, Study\nUNITS = 4",
    "class Double(keras.layers.Layer):\n    def call(self, x):\n        return x * 2.0",
    """def build(p):
    model = keras.Sequential([
        keras.Input(p["input_shape"]), keras.layers.Flatten(), Double(), keras.layers.Dense(UNITS, p["activation"]),
        keras.layers.Dense(p["n_classes"], "softmax"),
    ])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model""",
    """study = Study(question="Which?", dataset="digits", build=build,
              arms=[Arm(name, {"activation": name}) for name in ("relu", "tanh")],
              protocol=Protocol(epochs=2, searches=1, seeds=2, rows=300, split=Split(validation=100)))
results = dlstudy.run(study, home="home", workers=1, arms=["relu"])""",
    "results",
    "print(results.save())",
]


@pytest.fixture
def execute(tmp_path):
    """Executes cells in a kernel whose folder is `tmp_path`; returns the notebook's cells."""

    def execute(cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python", "language": "python"}
        client = NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(tmp_path)}})
        try:
            client.execute()
        except CellExecutionError:
            pass
        return notebook.cells

    return execute


def texts(cell, kind):
    """What a cell shows of a MIME type, or the stream of that name."""
    shown = [output for output in cell.outputs if kind in output.get("data", {}) or output.get("name") == kind]
    return [output["data"][kind] if "data" in output else output["text"] for output in shown]


@pytest.mark.slow
def test_a_study_from_cells_runs_shows_its_progress_and_goes_on_from_a_file(execute, tmp_path, monkeypatch, capsys):
    cells = execute(CELLS)
    assert [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"] == []
    (live,) = texts(cells[3], "text/html")
    assert "3 of 3" in live or "2 of 2" in live
    assert "training in 1 slot" in live
    assert "<h3>Which?</h3>" in texts(cells[4], "text/html")[0]
    assert texts(cells[5], "stdout") == [f"{tmp_path / 'study.py'}\n"]
    monkeypatch.chdir(tmp_path)
    assert main(["run", "study.py", "--home", "home", "--arm", "relu", "--engine", "inline"]) == 0
    assert "nothing was missing, no trainings" in capsys.readouterr().out
    from_cells = dlstudy.load("study", home="home").trials
    main(["run", "study.py", "--home", "other", "--arm", "relu", "--engine", "inline"])
    from_file = dlstudy.load("study.py", home="other").trials
    columns = ["phase", "arm", "index", "seed", "val_accuracy", "val_loss", "test_accuracy", "test_loss"]
    ordered = [
        frame[frame.arm == "relu"].sort_values(["phase", "index"])[columns].fillna(-1)
        for frame in (from_cells, from_file)
    ]
    assert ordered[0].values.tolist() == ordered[1].values.tolist(), "number for number"
    assert main(["show", "study", "--arm", "relu", "--home", "home"]) == 0
    assert "Double" in capsys.readouterr().out


def test_the_live_table_is_one_that_is_updated_and_its_texts_are_no_markup(monkeypatch):
    import IPython.display

    shown = []

    class Handle:
        def update(self, content):
            shown.append(content.data)

    def display(content, display_id):
        shown.append(content.data)
        return Handle()

    monkeypatch.setattr(IPython.display, "display", display)
    view = NotebookDisplay().view()
    view.say("training in <2> slots")
    view.update({("search", "<arm>"): (1, 4)}, "search <arm> #0: 0.5", "", {("search", "<arm>"): "best 0.5"})
    view.close()
    assert "training in &lt;2&gt; slots" in shown[0]
    assert "<td>&lt;arm&gt;</td>" in shown[-1]
    assert "1 of 4" in shown[-1]
    assert "best 0.5" in shown[-1]
    assert "<arm>" not in shown[-1]
    assert not in_notebook()
