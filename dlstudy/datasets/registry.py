"""The data sets that dlstudy knows, by name; users' own rows that are in the cache are such data sets too.

The parent process calls `ensure` once, which verifies; its workers then call `load`, which trusts and maps.
"""

import difflib
import logging
from pathlib import Path

from dlstudy.datasets import cache
from dlstudy.datasets.advertising import ADVERTISING
from dlstudy.datasets.cache import cache_folder
from dlstudy.datasets.cifar10 import CIFAR10, CIFAR10_SUBSET
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.diabetes import DIABETES
from dlstudy.datasets.digits import DIGITS
from dlstudy.datasets.fashion_mnist import FASHION_MNIST
from dlstudy.datasets.gates import GATES
from dlstudy.datasets.housing import HOUSING
from dlstudy.datasets.mnist import MNIST
from dlstudy.datasets.own_cache import describe_own, is_own, load_own, own_folder
from dlstudy.datasets.sources import Definition, Report, first_right
from dlstudy.datasets.stocks import STOCKS
from dlstudy.datasets.wine import WINE
from dlstudy.errors import DataError

__all__ = ["cache_folder", "describe", "ensure", "load", "names", "state", "verify"]

_logger = logging.getLogger(__name__)

_DEFINITIONS = {
    definition.description.name: definition
    for definition in (
        *(MNIST, DIGITS, FASHION_MNIST, CIFAR10, CIFAR10_SUBSET),
        *(WINE, HOUSING, DIABETES, ADVERTISING, STOCKS, GATES),
    )
}


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(_DEFINITIONS)


def describe(name: str) -> Description:
    """The description of a data set, without reading its arrays.

    Raises:
        DataError: there is no such data set.
    """
    return describe_own(name) if is_own(name) else _find(name).description


def state(name: str) -> str:
    """`cached`, `bundled` (comes with an installed package) or `not fetched`; looks for files, reads none.

    Raises:
        DataError: there is no such data set.
    """
    if is_own(name):
        return "cached"
    definition = _find(name)
    if cache.is_cached(definition.description):
        return "cached"
    return "bundled" if definition.bundled else "not fetched"


def ensure(name: str, report: Report | None = None) -> Path:
    """Makes sure that the arrays of a data set are in the cache, and verifies them.

    Args:
        name: of the data set.
        report: gets one line of text for each step; without it they go to the log.

    Returns:
        The folder that holds the arrays as `.npy` files.

    Raises:
        DataError: no source gave the right arrays (its further lines say why), or the cache cannot be written.
    """
    if is_own(name):
        return own_folder(name)
    definition = _find(name)
    description, say = definition.description, report or _logger.info
    folder = cache.folder_of(description)
    # Without the lock first: a cache that several machines share may be read-only for this one.
    if cache.is_cached(description) and cache.fault(description) is None:
        return folder
    with cache.locked(description, say):
        if folder.exists() or folder.is_symlink():  # a link may be broken
            fault = cache.fault(description)
            if fault is None:  # fetched by the process that held the lock before
                return folder
            say(f"{name}: {fault}: fetching it again")
            cache.discard(description)
        arrays = first_right(definition, say)
        cache.store(description, arrays)
    say(f"{name}: verified and cached in {folder}")
    return folder


def load(name: str) -> Dataset:
    """The arrays of a data set as memory maps; fetched where they are not cached, else trusted without hashing.

    Raises:
        DataError: as `ensure`; or the cached files cannot be opened.
    """
    if is_own(name):
        return load_own(name)
    description = _find(name).description
    if not cache.is_cached(description):
        ensure(name)
    try:
        return Dataset(description, **cache.open_arrays(cache.folder_of(description)))
    except DataError as error:
        raise DataError(f"{error}: run `dlstudy data fetch {name}`") from error


def verify(name: str) -> str:
    """The checksum that identifies the data set, after the cached arrays were hashed again and found right.

    Raises:
        DataError: the data set is not cached, or is not what it should be.
    """
    description = _find(name).description
    if not cache.folder_of(description).exists():
        raise DataError(f"{name} is not in the cache {cache_folder()}: run `dlstudy data fetch {name}`")
    fault = cache.fault(description)
    if fault is not None:
        raise DataError(f"{name}: {fault}: run `dlstudy data fetch {name}`")
    return description.sha256


def _find(name: str) -> Definition:
    if name in _DEFINITIONS:
        return _DEFINITIONS[name]
    close = difflib.get_close_matches(name, names(), n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    raise DataError(f"a data set is one of {', '.join(names())}, got {name!r}{guess}")
