"""The normal distribution function, which NumPy does not have.

The error function after W. J. Cody, "Rational Chebyshev approximation for the error function", Mathematics of
Computation 23 (1969): three ranges, each a quotient of polynomials, relative error below 1e-15.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array

# coefficients by falling power
_SMALL: Final = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
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
_LARGE: Final = (
    (
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4,
    ),
    (
        1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)  # fmt: skip
_ROOT_PI: Final = 1.7724538509055160273


def _quotient(pair: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    above, below = (np.polyval(coefficients, x) for coefficients in pair)
    quotient: Array = above / below
    return quotient


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, computed in float64 and given in x's type."""
    wide = np.abs(x).astype(np.float64)
    result = np.ones_like(wide)
    small, middle = wide <= 0.46875, (wide > 0.46875) & (wide <= 4)
    large = (wide > 4) & (wide < 6)  # beyond, 1 - erf is below the last digit
    part = wide[small]
    result[small] = part * _quotient(_SMALL, np.square(part))
    part = wide[middle]
    result[middle] = 1 - np.exp(-np.square(part)) * _quotient(_MIDDLE, part)
    part = wide[large]
    inverse = 1 / np.square(part)
    tail = (1 / _ROOT_PI - inverse * _quotient(_LARGE, inverse)) / part
    result[large] = 1 - np.exp(-np.square(part)) * tail
    return np.copysign(result, x).astype(x.dtype)


def normal_distribution(x: Array) -> Array:
    """The share of a standard normal distribution below x: (1 + erf(x / sqrt 2)) / 2."""
    half: Array = 0.5 * (1 + erf(x * x.dtype.type(0.7071067811865475244)))
    return half
