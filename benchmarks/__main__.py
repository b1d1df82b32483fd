"""`python -m benchmarks`: the side-by-side, then the other measurements. See README.md."""

import importlib
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import children, showing, side_by_side
from benchmarks.children import BenchmarkError, Setup
from benchmarks.figures import Accuracy, Figure, Way, compare
from benchmarks.options import Options, parse

RESULTS = Path(__file__).parent / "results"
SHORT_ROWS = 6_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what was asked for.

    Returns:
        0; 1 where faster meant worse, or something could not be measured; 130 for Ctrl-C.
    """
    options = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            data = _write_data(Path(folder), options.short)
            return _measure(options, Setup(options.short, options.rounds, data), console)
    except KeyboardInterrupt:
        print("benchmarks: stopped", file=sys.stderr)
        return 130
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1


def _measure(options: Options, setup: Setup, console: Console) -> int:
    output = options.output or _new_file()
    ways: list[Way] = []
    accuracy: Accuracy | None = None
    figures: dict[str, Sequence[Figure]] = {}
    problems: list[str] = []
    started = time.time()
    if options.short:
        console.print(
            "A smoke run: does everything work? Its ratios mean little, and no target is judged.", style="bold"
        )
    others = children.busy()
    if others > 0.05:
        console.print(f"note: other processes take {100 * others:.0f} % of this machine: the ratios will be off")
    for name in (["ways"] if options.ways else []) + list(options.measures):
        try:
            if name == "ways":
                ways = side_by_side.run(options.ways, setup.rounds, setup.data, setup.short, console.print, seed=1)
                accuracy, figures[name] = _judge_ways(console, ways, setup.short)
            else:
                console.print(f"{name} ...")
                figures[name] = importlib.import_module(f"benchmarks.measures.{name}").measure(setup)
            if figures[name]:
                showing.show_figures(console, name, figures[name], judged=not setup.short)
        except BenchmarkError as error:
            problems.append(f"{name}: {error}")
            print(f"benchmarks: {problems[-1]}", file=sys.stderr)
        about = {
            "short": options.short,
            "rounds": options.rounds,
            "machine": _machine(),
            "busy_before": round(others, 3),
            "problems": problems,
        }
        about["seconds"] = round(time.time() - started, 1)
        output.write_text(json.dumps({**about, **showing.as_json(ways, accuracy, figures)}, indent=1) + "\n")
    if options.skipped:
        console.print(f"Not in the short run: {', '.join(options.skipped)}; name them with --only.")
    console.print(str(output))
    return 1 if problems or (accuracy and not accuracy.ok and not options.short) else 0


def _judge_ways(console: Console, ways: Sequence[Way], short: bool) -> tuple[Accuracy | None, list[Figure]]:
    by_name = {way.name: way for way in ways}
    showing.show_ways(console, ways, by_name.get("keras"))
    accuracy = None
    if {"keras", "dlstudy"} <= set(by_name):
        accuracy = compare(by_name["dlstudy"], by_name["keras"])
        showing.show_accuracy(console, accuracy, judged=not short)
    return accuracy, showing.targets(ways)


def _write_data(folder: Path, short: bool) -> Path:
    """MNIST's training part as an .npz file of uint8 arrays; fetched through dlstudy, if it is not in its cache."""
    children.dlstudy("data", "fetch", "mnist")
    from dlstudy.datasets import registry

    data = registry.load("mnist")
    rows = SHORT_ROWS if short else len(data.x_train)
    path = folder / "mnist.npz"
    np.savez(path, x_train=data.x_train[:rows], y_train=data.y_train[:rows])
    return path


def _new_file() -> Path:
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"


def _machine() -> dict[str, Any]:
    """Versions and processor. Any: JSON."""
    from dlstudy.common.provenance import versions
    from dlstudy.engines.devices import cores

    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {**versions(), "cores": cores(), "processor": names[0] if names else platform.processor()}


if __name__ == "__main__":
    sys.exit(main())
