"""`dlstudy register`: a plan that people can read and `dlstudy run --registered` reads back."""

import json

from dlstudy.analysis.registration import read_plan
from dlstudy.cli.app import main
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve


def test_a_plan_is_printed_or_written_and_read_back(tiny, tmp_path, capsys):
    assert main(["register", str(tiny)]) == 0
    printed = capsys.readouterr().out
    file = tmp_path / "a plan.json"
    assert main(["register", str(tiny), "-o", str(file)]) == 0
    assert "dlstudy run" in capsys.readouterr().out
    assert file.read_text() == printed
    plan = read_plan(file, resolve(loader.load(tiny), Request()))
    assert plan == json.loads(printed)
    assert [claim["text"] for claim in plan["claims"]] == ["the net is better"]
    assert (plan["study"], plan["protocol"]["seeds"], plan["analysis"]["significance"]) == ("tiny", 6, 0.05)


def test_options_are_part_of_the_plan(tiny, capsys):
    assert main(["register", str(tiny), "--seeds", "12", "--quick"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["variant"], plan["protocol"]["seeds"]) == ("quick", 12)
