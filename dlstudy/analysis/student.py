"""Student's t for a mean with a standard error of given degrees of freedom.

SciPy is imported inside the functions, and only its `special`: `scipy.stats` takes seven times as long to import.
"""

__all__ = ["found_shift", "interval_of", "tail_p"]


def interval_of(mean: float, error: float, degrees: float, level: float) -> tuple[float, float]:
    """The interval of a mean; a point where its standard error is 0.

    Args:
        mean: the estimate.
        error: its standard error.
        degrees: of freedom of the standard error.
        level: coverage in (0, 1).
    """
    from scipy.special import stdtrit

    half = error * float(stdtrit(degrees, 0.5 + level / 2)) if error else 0.0
    return mean - half, mean + half


def tail_p(distance: float, error: float, degrees: float) -> float:
    """One-sided p of an estimate that lies this distance beyond a value; without a standard error, 0 or 1."""
    from scipy.special import stdtr

    if not error:
        return 0.0 if distance > 0 else 1.0
    return float(stdtr(degrees, -distance / error))


def found_shift(error: float, degrees: float, alpha: float, power: float) -> float:
    """The true shift that a two-sided test of this standard error finds with this power, on its own side.

    Source: noncentral t; Cohen 1988, Statistical Power Analysis, section 2.3.
    """
    from scipy.special import nctdtrinc, stdtrit

    return error * float(nctdtrinc(degrees, 1 - power, stdtrit(degrees, 1 - alpha / 2))) if error else 0.0
