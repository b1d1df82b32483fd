"""What MLflow refuses gets a form that it takes: one to one, and checked by MLflow's own rules."""

import random

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from mlflow.utils import validation

from dlstudy.tracking import accepted
from dlstudy.tracking.accepted import accepted_name, accepted_text, apart, is_refusal, log_items, params_of, tags_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("val_accuracy", "val_accuracy"),
        ("F1 score: a/b.c-d", "F1 score: a/b.c-d"),
        ("η", "η"),
        ("units_x1024", "units_x1024"),
        ("top@3", "top_x0040_3"),
        ("val_top@3", "val_top_x0040_3"),
        ("top_x0040_3", "top_x005f_x0040_3"),
        ("😀", "_x1f600_"),
        ("a//b", "a_x002f__x002f_b"),
        ("../a", "_x002e_._x002f_a"),
        (".", "_x002e_"),
        ("a\n", "a_x000a_"),
        ("", "_x00000_"),
    ],
)
def test_a_name_is_written_as_it_is_or_with_its_characters_escaped(name, written):
    assert accepted_name(name) == written


def test_any_name_is_accepted_by_mlflow_and_no_two_names_meet():
    rng = random.Random(16)
    pieces = [*"ab_x04/.@-: \n\0é", "e\u0301", "\ud800", "_x", "_x0040", "_x0040_", "0040_", "..", "//", "long" * 70]
    names = {"".join(rng.choices(pieces, k=rng.randint(0, 6))) for _ in range(20_000)}
    names |= {f"{'n' * 300}{i}" for i in range(9)}
    written = {name: accepted_name(name) for name in names}
    assert len(set(written.values())) == len(names)
    assert len(set(map(str.encode, written.values()))) == len(names)
    for name, form in written.items():
        validation._validate_metric(form, 0.0, 0, 0)
        validation._validate_param(form, "")
        validation._validate_tag(form, "")
        assert accepted_name(name) == form


def test_names_that_mlflow_takes_stay_unless_they_look_like_an_escape():
    for name in ("a", "loss", "val_Top-5 x", "a/b", "a.b", "_x_", "x_x12_y"):
        validation._validate_metric(name, 0.0, 0, 0)
        assert accepted_name(name) == name


def test_long_texts_are_cut_with_a_mark_and_no_text_breaks_a_database():
    assert accepted_text("short", 10) == "short"
    assert accepted_text("a" * 6001, 6000).endswith("aaa [cut: 6,001 characters]")
    assert len(accepted_text("a" * 9000, 6000)) == 6000
    assert accepted_text("a\0b\ud800", 100) == "a\\x00b\\ud800"
    limits = (accepted._MOST_NAME, accepted._MOST_PARAM, accepted._MOST_TAG)
    assert limits == (
        validation.MAX_ENTITY_KEY_LENGTH, validation.MAX_PARAM_VAL_LENGTH, validation.MAX_TAG_VAL_LENGTH
    )  # fmt: skip


def test_a_study_s_names_are_told_apart_from_our_own_one_to_one():
    names = ["value", "study/value", "study/study/value", "other"]
    assert [apart(name, {"value"}) for name in names] == [
        "study/value", "study/study/value", "study/study/study/value", "other",
    ]  # fmt: skip


class Client:
    """MLflow that refuses what it is told to, and checks requests as MLflow does."""

    def __init__(self, refuses=()):
        self.refuses, self.written, self.n_requests = set(refuses), [], 0

    def log_batch(self, run_id, metrics, tags, params):
        self.n_requests += 1
        validation._validate_batch_log_limits(metrics, params, tags)
        names = [item.key for item in (*metrics, *tags, *params)]
        if self.refuses.intersection(names):
            raise MlflowException("not this one", INVALID_PARAMETER_VALUE)
        self.written += names


def test_all_but_the_refused_items_are_written():
    metrics = [Metric(f"m{i}", 0.0, 0, i) for i in range(2000)]
    tags, params = tags_of({"t": "x", "u": "y"}), params_of({f"p{i}": i for i in range(250)})
    names = [item.key for item in (*metrics, *tags, *params)]
    client = Client(["m7", "u", "p249"])
    refused = log_items(client, "r", metrics, tags, params)
    assert sorted(client.written) == sorted(set(names) - {"m7", "u", "p249"})
    assert refused == dict.fromkeys(["metric m7", "tag u", "parameter p249"], "not this one")
    whole = Client()
    assert log_items(whole, "r", metrics, tags, params) == {}
    assert (whole.n_requests, sorted(whole.written)) == (3, sorted(names))
    assert (type(params[0]), type(tags[0])) == (Param, RunTag)


def test_a_server_that_is_away_is_no_refusal():
    away = MlflowException("later", TEMPORARILY_UNAVAILABLE)
    client = Client()
    client.log_batch = lambda *_, **__: (_ for _ in ()).throw(away)
    with pytest.raises(MlflowException, match="later"):
        log_items(client, "r", [Metric("m", 0.0, 0, 0)])
    assert not is_refusal(away)
    assert not is_refusal(ConnectionError("away"))
