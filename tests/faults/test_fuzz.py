"""Results in a record, changed at random or by another version: shown, or refused in one line; never a traceback."""

import copy
import json
import random
import string

import pytest

from dlstudy.cli.app import main
from dlstudy.errors import RecordError
from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from tests.helpers.fake_runs import run
from tests.helpers.full_form import FULL

N = 300 if FULL else 30
READERS = (["status"], ["status", "--json"], ["report", "tiny.py"], ["report", "tiny.py", "--format", "json"])
WHOLE = TrialResult(
    TrialState.FINISHED,
    metrics={"val_accuracy": 0.9, "parameters": 650},
    history={"val_accuracy": [0.8, None, 0.9]},
    cost={"seconds": 1.5},
    trained_by=TrainedBy.FIT,
    remarks=["the model holds no gradient function"],
    initial={"kernel": "0123"},
).to_json()
ODD = (
    None,
    True,
    False,
    0,
    -1,
    2**70,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "finished",
    "\x1b[31m",
    "a" * 70_000,
    [],
    {},
)


def odd(rng):
    """A value that a field may have been garbled to."""
    value = rng.choice(ODD)
    depth = rng.random()
    return [value, value] if depth < 0.15 else {"a": value} if depth < 0.3 else value


def garbled(data, rng):
    """A copy of JSON with a few places changed, added or left out."""
    data = copy.deepcopy(data)
    for _ in range(rng.randint(1, 3)):
        place = data
        while isinstance(place, dict | list) and place:
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or rng.random() < 0.5:
                if rng.random() < 0.2:
                    del place[key]
                elif isinstance(place, dict) and rng.random() < 0.1:
                    place["".join(rng.choices(string.printable, k=5))] = odd(rng)
                else:
                    place[key] = odd(rng)
                break
            place = inner
    return data


def refusal(data):
    """Why it is no result; None where it is one."""
    try:
        TrialResult.from_json(data)
    except RecordError as error:
        return str(error)
    return None


@pytest.mark.parametrize("seed", range(10))
def test_a_garbled_result_is_read_or_refused_in_one_line(seed):
    rng = random.Random(seed)
    n_refused = 0
    for _ in range(N * 10):
        data = garbled(WHOLE, rng)
        if (why := refusal(data)) is None:
            result = TrialResult.from_json(data)
            assert result.state in frozenset(TrialState)
            assert result.trained_by is None or result.trained_by in frozenset(TrainedBy)
            assert all(remark.isprintable() for remark in result.remarks)
            assert result.reason.isprintable()
            assert all(isinstance(value, int | float) for value in result.metrics.values())
        else:
            n_refused += 1
            assert why.isprintable()
            assert len(why) < 400
    assert 0 < n_refused < N * 10


@pytest.mark.parametrize(
    "data", [None, [], "finished", 5, {}, {"state": "resting"}, {"state": ["finished"]}, {"reason": ""}]
)
def test_what_is_no_result_is_refused(data):
    with pytest.raises(RecordError, match=r"a result in the record has state .*: another version of dlstudy wrote it"):
        TrialResult.from_json(data)


def test_what_a_newer_version_added_is_left_out_and_what_an_older_one_lacked_is_empty():
    newer = TrialResult.from_json({**WHOLE, "energy_j": 5.0, "states": {"a": [1]}})
    assert newer == TrialResult.from_json(WHOLE)
    assert TrialResult.from_json({"state": "failed"}) == TrialResult(TrialState.FAILED)


@pytest.fixture
def home(tiny, tmp_path, monkeypatch):
    """A home with all results of the tiny study."""
    monkeypatch.chdir(tmp_path)
    home = Home.at("mlruns")
    home.create()
    run(tiny, home)
    return home


def test_a_record_with_a_garbled_result_is_shown_or_refused(home, capsys):
    rng = random.Random(7)
    lines = home.journal.read_text().splitlines()
    results = [i for i, line in enumerate(lines) if '"result"' in line]
    codes = set()
    for _ in range(N):
        i = rng.choice(results)
        entry = json.loads(lines[i])
        entry["user_attr"]["result"] = garbled(entry["user_attr"]["result"], rng)
        home.journal.write_text("\n".join([*lines[:i], json.dumps(entry), *lines[i + 1 :]]) + "\n")
        seal_of(home.journal).unlink(missing_ok=True)  # which would show the change of one byte
        before = home.journal.read_bytes()
        for words in READERS:
            code = main(words)
            out, err = capsys.readouterr()
            assert code in (0, 2), err
            if code == 2:
                assert out == ""
                assert len(err.splitlines()) == 1
                assert "another version of dlstudy wrote it, or it is damaged" in err
            codes.add(code)
        assert home.journal.read_bytes() == before
    assert codes == {0, 2}
