"""A record in PostgreSQL and in MySQL: what goes in comes out, and each fault is one line."""

import importlib.util
import math
import random
import threading

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from dlstudy.cli.app import main
from dlstudy.common.text import without_passwords
from dlstudy.errors import RecordError, StoreError
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.loop import train_missing
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.databases import Database
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState, make_parameters
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study
from tests.helpers.fake_engine import Deaf, FakeEngine, made_up
from tests.helpers.fake_runs import begin_run
from tests.helpers.full_form import in_full_form

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.helpers.database_servers"]

STUDY = make_study()
NAME = RecordName.parse("s/default/a/search")
FINISHED = TrialResult(TrialState.FINISHED)
SPACE = {name: FloatDistribution(0.01, 1.0) for name in ("rate", "Rate")} | {
    "k": CategoricalDistribution(["🦊", "A", "a"])
}


def add(record, name, result, value):
    """One trial with every kind of parameter; as the writer gives it back."""
    arm = ArmRecord(record, name, Direction.MAXIMIZE)
    tuned = {"rate": 0.12345678901234568, "Rate": 1 / 3, "k": "🦊"}
    params = make_parameters(STUDY.arm("a"), STUDY.protocol, tuned)
    key = arm.begin(0, 2**31 - 1, tuned, params, SPACE)
    spec = TrialSpec(key, "s.py", "digits", "a", Phase.SEARCH, 0, params, 7, 2, 32, STUDY.protocol.split)
    return arm.end(spec, result, value, "r")


def open_record(url, for_writing=True):
    return Record.open(Home.at("nowhere"), url, for_writing)


def train(path, url, result_of=made_up, home="nowhere"):
    """Trains what is missing with an engine that makes results up; how many that were."""
    plan, recorder = begin_run(path, Home.at(home), storage=url)
    return train_missing(plan, recorder, lambda *_: FakeEngine(result_of), [Deaf()], lambda key: "", RunLimits())


def table(url):
    trials = open_record(url, for_writing=False).trials("tiny", Variant())
    return sorted((t.phase, t.arm, t.index, t.seed, t.state, t.value) for t in trials)


def test_a_result_of_a_megabyte_with_odd_letters_comes_back_as_it_was(database):
    url, rng = database.fresh(), random.Random(0)
    metrics = {"a": math.inf, "b": -math.inf, "c": 5e-324, "d": 1.7976931348623157e308, "e": 0.1 + 0.2}
    history = {"val_loss": [rng.random() for _ in range(60_000)]}
    result = TrialResult(
        TrialState.FINISHED, metrics=metrics, history=history, traceback="🦊\x00 é\u2028", remarks=["🦊"]
    )
    written = add(open_record(url), NAME, result, 0.1 + 0.2)
    (read,) = open_record(url, for_writing=False).trials_of(NAME)
    assert read == written
    assert read.result == result
    assert read.started_s <= read.ended_s <= read.started_s + 60


@pytest.mark.parametrize("value", [0.1 + 0.2, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, -1 / 3])
def test_a_value_keeps_its_last_digit(database, value):
    url = database.fresh()
    add(open_record(url), NAME, FINISHED, value)
    (read,) = open_record(url, for_writing=False).trials_of(NAME)
    assert read.value == value


def test_names_that_differ_by_capitals_are_two(database):
    url = database.fresh()
    names = [RecordName.parse(text) for text in ("s/default/a/search", "s/default/A/search", "S/default/a/search")]
    for i, name in enumerate(names):
        add(open_record(url), name, FINISHED, float(i))
    record = open_record(url, for_writing=False)
    assert [[trial.value for trial in record.trials_of(name)] for name in names] == [[0.0], [1.0], [2.0]]
    assert record.studies() == ["S", "s"]


def test_a_reader_who_comes_first_makes_no_table(database, capsys):
    url = database.fresh()
    assert main(["status", "--storage", url]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"no results in {without_passwords(url)} yet")
    count = "SELECT count(*) FROM information_schema.tables WHERE table_schema IN ('public', DATABASE_NAME)"
    count = count.replace("DATABASE_NAME", f"'{Database.at(url).url.database}'")
    assert database.run(count, url=url) == [(0,)]


def test_another_home_continues_where_the_first_was_stopped(database, tiny, tmp_path):
    url, undisturbed = database.fresh(), database.fresh()
    assert train(tiny, undisturbed) == 21
    n_trained = 0

    def stopped(spec):
        nonlocal n_trained
        n_trained += 1
        if n_trained == 9:
            raise KeyboardInterrupt
        return made_up(spec)

    with pytest.raises(KeyboardInterrupt):
        train(tiny, url, stopped, tmp_path / "one")
    assert train(tiny, url, home=tmp_path / "two") == 21 - 8
    assert [row for row in table(url) if row[4] == "finished"] == table(undisturbed)


def test_a_server_that_is_restarted_in_mid_study_costs_nothing(tiny, database):
    url, undisturbed = database.fresh(), database.fresh()
    train(tiny, undisturbed)
    n_trained = 0

    def result_of(spec):
        nonlocal n_trained
        n_trained += 1
        if n_trained == 9:
            database.stop()
            threading.Timer(0.5, database.start).start()
        return made_up(spec)

    assert train(tiny, url, result_of) == 21
    assert table(url) == table(undisturbed)


@in_full_form
def test_a_server_that_stays_away_stops_the_run_and_the_next_one_trains_what_is_missing(
    tiny, postgres, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("dlstudy.store.rdb._PATIENCE_S", 1.0)
    n_trained, url, undisturbed = 0, postgres.fresh(), postgres.fresh()
    train(tiny, undisturbed)

    def result_of(spec):
        nonlocal n_trained
        n_trained += 1
        if n_trained == 9:
            postgres.stop()
        return made_up(spec)

    monkeypatch.setattr("dlstudy.runner.session.engine_maker", lambda *_: lambda *_: FakeEngine(result_of))
    try:
        assert main(["run", str(tiny), "--storage", url, "--home", str(tmp_path / "home")]) == 1
    finally:
        postgres.start()
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("dlstudy: the storage that --storage names did not answer or take a result (")
    assert postgres.password not in line
    assert postgres.quoted not in line
    assert train(tiny, url) == 21 - 8
    assert [row for row in table(url) if row[4] == "finished"] == table(undisturbed)


REFUSED = [
    ("postgres", "postgresql+psycopg://study:{wrong}@127.0.0.1:{port}/postgres", "password authentication failed for"),
    ("postgres", "postgresql+psycopg://study:{right}@127.0.0.1:{port}/nowhere", 'database "nowhere" does not exist'),
    ("postgres", "postgresql+psycopg://study:{right}@127.0.0.1:{closed}/postgres", "Connection refused"),
    ("mariadb", "mysql+pymysql://study:{wrong}@127.0.0.1:{port}/mysql", "Access denied for user 'study'@"),
    ("mariadb", "mysql+pymysql://study:{right}@127.0.0.1:{port}/nowhere", "Unknown database 'nowhere'"),
    ("mariadb", "mysql+pymysql://study:{right}@127.0.0.1:{closed}/mysql", "Can't connect to MySQL server on"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "url", "reason"), REFUSED)
def test_a_database_that_cannot_be_used_is_reported_in_one_line_without_the_password(
    request, tiny, capsys, tmp_path, kind, url, reason
):
    server = request.getfixturevalue(kind)
    url = url.format(wrong="wr0ng%40word", right=server.quoted, port=server.port, closed=server.closed_port())
    for words in (["run", str(tiny), "--home", str(tmp_path / "home")], ["status"], ["report", str(tiny)]):
        assert main([*words, "--storage", url]) == 2
        out, err = capsys.readouterr()
        assert reason in err
        assert len(err.splitlines()) == 1
        for secret in (server.password, server.quoted, "wr0ng"):
            assert secret not in out + err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("oracle://me:secret@h/d", "got one that begins with 'oracle': correct --storage"),
        ("postgresql+psycopg://me:sec/ret@h:port/d", "got postgresql\\+psycopg://me:\\*\\*\\*@h:port/d: write it as"),
        ("postgresql+psycopg://me:se@cret@h/d", "got postgresql\\+psycopg://me:\\*\\*\\*@h/d: write it as"),
        ("mysql+pymysql://me:secret@h", "a storage must name its database, got mysql\\+pymysql://me:\\*\\*\\*@h"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_password(url, message):
    with pytest.raises(RecordError, match=message) as refused:
        Database.at(url)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_driver_that_is_missing_is_named(monkeypatch, kind):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RecordError, match=rf"not installed here: pip install 'dlstudy\[{kind}\]'"):
        Database.at(f"{kind}://me@h/d")


def test_a_server_that_is_away_is_not_taken_for_a_damaged_record(postgres, monkeypatch):
    monkeypatch.setattr("dlstudy.store.rdb._PATIENCE_S", 0.5)
    record = open_record(postgres.fresh())
    postgres.stop()
    try:
        with pytest.raises(StoreError, match="did not answer or take a result"):
            record.studies()
    finally:
        postgres.start()


def test_a_password_is_hidden_wherever_an_address_is():
    for text, hidden in {
        "to postgresql+psycopg://me:a@b/c:d@host:1/x now": "to postgresql+psycopg://me:***@host:1/x now",
        "'https://me:word@host'": "'https://me:***@host'",
        "mysql://host/x?password=word&ssl=1": "mysql://host/x?password=***&ssl=1",
        "http://host:5000/a and me@host": "http://host:5000/a and me@host",
    }.items():
        assert without_passwords(text) == hidden
