"""The normal distribution function, which NumPy does not have.

The error function after W. J. Cody, "Rational Chebyshev approximation for the error function", Mathematics of
Computation 23 (1969): quotients of polynomials in ranges.  His third, beyond 4, is not needed here: 1 - erf is below
2e-8 there, and the second stays far more accurate than that.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array

# coefficients by falling power
_SMALL: Final = (
    (
        1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_MIDDLE: Final = (
    (
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
        2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ),
)  # fmt: skip


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result


def _quotient(pair: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    quotient = _polynomial(pair[0], x)
    quotient /= _polynomial(pair[1], x)
    return quotient


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, in x's type; in float64 to 1e-15."""
    size = np.minimum(np.abs(x), 6)  # beyond, it is 1 to the last digit
    square = np.square(size)
    small = size * _quotient(_SMALL, square)
    result = _quotient(_MIDDLE, size)
    result *= np.exp(-square)
    np.subtract(1, result, out=result)
    np.copyto(result, small, where=size <= 0.46875)
    return np.copysign(result, x, out=result)


def normal_distribution(x: Array) -> Array:
    """The share of a standard normal distribution below x: (1 + erf(x / sqrt 2)) / 2."""
    share = erf(x * 0.5**0.5)
    share += 1
    share *= 0.5
    return share
