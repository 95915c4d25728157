"""The few quantiles and tails that the other modules need; the only module that touches scipy.

`scipy.special` alone is imported (about a tenth of the time of `scipy.stats`), and only when asked.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from underdog.statistics.vectors import Floats

_NORMAL = NormalDist()


def normal_quantile(probability: float) -> float:
    """The z below which `probability` of the standard normal lies."""
    return _NORMAL.inv_cdf(probability)


def normal_tail(z: float) -> float:
    """The share of the standard normal above z."""
    return _NORMAL.cdf(-z)


def normal_tails(z: Floats) -> Floats:
    """The share of the standard normal above each z."""
    from scipy.special import ndtr

    tails: Floats = ndtr(-z)
    return tails


def two_sided_z(confidence: float) -> float:
    """The z whose ±z holds `confidence` of the standard normal: 1.96 for 0.95."""
    return normal_quantile(0.5 + check_confidence(confidence) / 2)


def student_quantile(probability: float, freedom: float) -> float:
    """Student's t quantile with `freedom` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The quantile of a Beta(a, b) distribution."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))


def binomial_at_most(k: int, n: int, probability: float = 0.5) -> float:
    """P(X <= k) of a Binomial(n, probability); 0 for k below 0."""
    from scipy.special import bdtr

    return float(bdtr(k, n, probability)) if k >= 0 else 0.0


def binomial_mass(k: Floats, n: int, probability: Floats) -> Floats:
    """P(X = k) of a Binomial(n, probability), elementwise with broadcasting."""
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    mass: Floats = np.exp(ways + xlogy(k, probability) + xlog1py(n - k, -probability))
    return mass


def binomial_cdf(k: Floats, n: Floats, probability: Floats) -> Floats:
    """P(X <= k) of a Binomial(n, probability), elementwise with broadcasting; 0 for k below 0."""
    from scipy.special import bdtr

    share: Floats = np.where(k >= 0, bdtr(np.maximum(k, 0.0), n.astype(np.int64), probability), 0.0)
    return share


def check_confidence(confidence: float) -> float:
    """The same confidence.

    Raises:
        ValueError: it does not lie strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie strictly between 0 and 1, for example 0.95; got {confidence}")
    return confidence
