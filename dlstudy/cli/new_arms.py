"""The arms of a study that `dlstudy new` writes: what may be compared, and the pieces of text for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlstudy.cli.study_text import as_text
from dlstudy.common.hints import meant
from dlstudy.common.text import listed
from dlstudy.errors import UsageError

__all__ = [
    "arms_text", "choose_arms", "claims_text", "default_arms", "flags_of", "kinds_of", "question_of", "spaces_text",
]  # fmt: skip


@dataclass(frozen=True)
class _Kind:
    """What an arm may be.

    Args:
        words: as a sentence has it.
        where: the rows that it is for: `digits`, `table`, `images` or `text`.
        space: the name of what is tuned for it.
        more: what is tuned beside that, as in a dict.
        adds: whether it adds something to a plain net.
    """

    words: str
    where: str
    space: str = "NET"
    more: str = ""
    adds: bool = False


_ANY = "digits table images text"
_KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(("net", "plain", "without"), _Kind("a net", _ANY)),
    "small": _Kind("a small net", _ANY),
    "large": _Kind("a large net", _ANY),
    "dropout": _Kind("dropout", _ANY, more='"dropout_rate": FloatDistribution(0.1, 0.6)', adds=True),
    "batchnorm": _Kind("batch normalization", "digits table images", adds=True),
    "augmentation": _Kind("augmentation", "images", adds=True),
    "boosting": _Kind("gradient boosting", "digits table", "BOOSTING"),
    "forest": _Kind("a random forest", "digits table", "FOREST"),
    "linear": _Kind("a linear model", "digits table", "LINEAR"),
    "words": _Kind("counts of words", "text", "WORDS"),
}
_BASES = ("net", "plain", "without")
_DEFAULTS = {
    "digits": ("plain", "dropout"), "table": ("net", "boosting"), "images": ("plain", "augmentation"),
    "text": ("net", "words"),
}  # fmt: skip
_SPACES = {
    "BOOSTING": '{"learning_rate": FloatDistribution(0.01, 0.5, log=True)}',
    "FOREST": '{"max_features": FloatDistribution(0.1, 1.0), "min_samples_leaf": IntDistribution(1, 20, log=True)}',
    "LINEAR": '{"strength": FloatDistribution(1e-3, 1e3, log=True)}',
    "WORDS": '{"strength": FloatDistribution(1e-2, 1e2, log=True)}',
}
_RATES = {"digits": "1e-4, 3e-2", "table": "1e-4, 1e-1", "images": "1e-4, 3e-2", "text": "1e-3, 1e-1"}


def default_arms(rows: str) -> str:
    """The arms of a study of such rows, as `--arms` takes them."""
    return ",".join(_DEFAULTS[rows])


def kinds_of(rows: str) -> dict[str, str]:
    """What may be compared on rows of a kind: names of arms, and what each is."""
    return {name: kind.words for name, kind in _KINDS.items() if rows in kind.where.split()}


def choose_arms(given: str, rows: str) -> list[str]:
    """The arms that `--arms` names.

    Args:
        given: their names, with commas between them.
        rows: of what kind the rows are.

    Raises:
        UsageError: there are fewer than two, one is not known, or two are the same.
    """
    known, names = kinds_of(rows), [name for part in given.split(",") if (name := part.strip().lower())]
    for name in names:
        if name not in known:
            hint = meant(name, known)
            raise UsageError(
                f"--arms of a study of {_ROWS[rows]} are among {', '.join(known)}, got {name!r}"
                + (f": {hint}" if hint else ": choose two of them, and change them in the study that is written")
            )
    if len(names) < 2:
        raise UsageError(f"--arms needs at least two to compare, got {given!r}: as in --arms {default_arms(rows)}")
    words = [known[name] for name in names]
    if len(set(words)) < len(words):
        twice = [name for name, word in zip(names, words, strict=True) if words.count(word) > 1]
        raise UsageError(f"--arms must differ, got {listed(twice)}, which are the same: leave one out")
    return names


_ROWS = {"digits": "the digits", "table": "a table", "images": "pictures", "text": "texts"}


def question_of(arms: Sequence[str]) -> str:
    """The question that the arms answer."""
    added = _added(arms)
    words = [f"a net with {_KINDS[name].words}" if name in added else _KINDS[name].words for name in arms]
    if added and len(added) == len(arms) - 1:
        return f"{'Do' if len(added) > 1 else 'Does'} {listed([_KINDS[name].words for name in added])} help?"
    if len(arms) == 2:
        return f"Does {words[0]} do better than {words[1]}?"
    return f"Which does best: {', '.join(words[:-1])} or {words[-1]}?"


def claims_text(arms: Sequence[str], metric: str) -> str:
    """The claims: that what is added to a net helps, and that the first of the others does better than the rest."""
    base, added = next((name for name in arms if name in _BASES), ""), _added(arms)
    claims: list[tuple[str, str, Sequence[str]]] = [(f"{_the(name)} helps", name, [base]) for name in added]
    first, *rest = [name for name in arms if name not in added]
    if rest:
        claims.append((f"{_the(first)} does better than {listed([_the(name) for name in rest])}", first, rest))
    lines = []
    for text, better, than in claims:
        others = as_text(than[0]) if len(than) == 1 else f"[{', '.join(map(as_text, than))}]"
        parts = [as_text(text), f"better={as_text(better)}", f"than={others}", f'metric="test_{metric}"']
        lines += ["        Claim(", *(f"            {part}," for part in parts), "        ),"]
    return "\n".join(lines)


def _added(arms: Sequence[str]) -> list[str]:
    """The arms that add something to another one, which is a plain net."""
    has_base = any(name in _BASES for name in arms)
    return [name for name in arms if has_base and _KINDS[name].adds]


def _the(name: str) -> str:
    words = _KINDS[name].words
    return f"the {words[2:]}" if words.startswith("a ") else words


def arms_text(arms: Sequence[str]) -> str:
    """The arms, a line each."""
    lines = []
    for name in arms:
        kind = _KINDS[name]
        space = f"{{**{kind.space}, {kind.more}}}" if kind.more else kind.space
        lines.append(f'        Arm("{name}", {{"model": "{name}"}}, {space}),')
    return "\n".join(lines)


def spaces_text(arms: Sequence[str], rows: str) -> str:
    """What is tuned, a line for each kind of model."""
    units = ', "units": IntDistribution(8, 256, log=True)' if rows == "table" and "sized" not in flags_of(arms) else ""
    net = f'{{"learning_rate": FloatDistribution({_RATES[rows]}, log=True){units}}}'
    spaces = dict.fromkeys(_KINDS[name].space for name in arms)
    return "\n".join(f"{space} = {_SPACES.get(space, net)}" for space in spaces)


def flags_of(arms: Sequence[str]) -> set[str]:
    """Which lines of a template stay: those of these arms, of nets, of sizes that are compared, and of estimators."""
    kinds = {_KINDS[name].space.lower() for name in arms}
    flags = {*arms, *kinds, "sized" if {"small", "large"} & set(arms) else "unsized"}
    return flags | ({"estimators"} if kinds - {"net", "words"} else set()) | (set() if "net" in kinds else {"no net"})
