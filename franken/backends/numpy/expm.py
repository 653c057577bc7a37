"""The matrix exponential of arrays: Taylor polynomials in few products, scaled and squared.

P. Bader, S. Blanes and F. Casas, "Computing the matrix exponential with an optimized Taylor
polynomial approximation", Mathematics 7 (2019). Arrays in, arrays out; no tensors.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

# The norms (the largest sum of a column) up to which the polynomials of degrees 1, 2, 4, 8, 12 and
# 18 are exact to rounding.
_THETA = {
    "double": (2.2204460492503128e-16, 2.580956802971767e-08, 3.3971688399769617e-4,
               4.9912288711153226e-2, 2.996158913811581e-1, 1.0908637192900361),
    "single": (1.1920928007687876e-07, 5.978858893805234e-4, 5.116619363445086e-2,
               5.800524627688768e-1, 1.4616615072090335, 3.0100663628176343),
}  # fmt: skip
# rows: factors of I, A, A^2, A^3 (and A^6)
_T12 = (
    (9.0198e-16, 0.4693211759541824, -0.20099424927047285, -0.04623946134063072),
    (5.315978957598713, 1.1992679041713223, 0.01179296240992997, 0.01108844528519168),
    (0.18188869982170436, 0.05502798439925399, 0.09351590770535415, 0.006107005288980582),
    (-2.086132e-13, -0.13181061013830184, -0.02027855540589259, -0.006759518468630863),
)  # fmt: skip
_T18 = (
    (0.0, -0.10036558103014462, -0.00802924648241157, -0.00089213849804573, 0.0),
    (0.0, 0.3978497494996451, 1.3678377846041172, 0.49828962252538267, -0.0006378981945947233),
    (-10.967639605296206, 1.680158138789062, 0.05717798464788655, -0.0069821012248805206,
     3.349750170860705e-05),
    (-0.09043168323908106, -0.06764045190713819, 0.06759613017704597, 0.029555257042931552,
     -1.391802575160607e-05),
    (0.0, 0.0, -0.09233646193671186, -0.016936493900208172, -1.400867981820361e-05),
)  # fmt: skip


def matrix_exp(a: Any) -> Any:
    """Exponentials in the precision of the input, as rounded as torch's.

    The norm of a single matrix decides the degree; matrices of a batch have the highest.
    """
    if a.shape[-1] < 2 or a.size == 0:
        with np.errstate(all="ignore"):
            return np.exp(a)
    x = a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])
    theta = _THETA["single" if x.real.dtype == np.float32 else "double"]
    with np.errstate(all="ignore"):
        norm = np.abs(x).sum(-2).max(-1)
        fitting = [p for p, t in zip(_TAYLOR, theta, strict=False) if len(x) == 1 and norm[0] <= t]
        out = fitting[0](x) if fitting else _squared(x, norm / theta[-1])
    return out.reshape(a.shape)


def _product(a: Any, b: Any) -> Any:
    """Torch multiplies small matrices element by element, each product rounded by itself."""
    n = a.shape[-1]
    if n**3 >= 400:
        return a @ b
    terms = (_times(a[..., k : k + 1], b[..., k : k + 1, :]) for k in range(n))
    return functools.reduce(np.add, terms)


def _times(x: Any, y: Any) -> Any:
    """x * y; NumPy fuses the products and sums of complex numbers."""
    if x.dtype.kind != "c":
        return x * y
    real = x.real * y.real - x.imag * y.imag
    out = np.empty(real.shape, x.dtype)
    out.real, out.imag = real, x.real * y.imag + x.imag * y.real
    return out


def _squared(x: Any, excess: Any) -> Any:
    """Degree 18 of matrices whose norms are `excess` times what it is good for."""
    times = np.maximum(np.ceil(np.log2(excess)), 0).astype(np.int64)
    out = _taylor18(x * np.ldexp(np.ones_like(excess), -times)[:, None, None])
    for step in range(int(times.max())):
        more = times > step
        out[more] = _product(out[more], out[more])
    return out


def _mixed(factors: Any, powers: Any) -> Any:
    return functools.reduce(np.add, (f * m for f, m in zip(factors, powers, strict=True) if f))


def _powers(x: Any, *products: Any) -> list[Any]:
    """I, A, and the products of two earlier ones that are asked for."""
    found = [np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape), x]
    for i, j in products:
        found.append(_product(found[i], found[j]))
    return found


def _taylor1(x: Any) -> Any:
    return _mixed((1, 1), _powers(x))


def _taylor2(x: Any) -> Any:
    return _mixed((1, 1, 1 / 2), _powers(x, (1, 1)))


def _taylor4(x: Any) -> Any:
    powers = _powers(x, (1, 1))
    high = _product(powers[2], _mixed((1 / 2, 1 / 6, 1 / 24), powers))
    return powers[0] + x + high


def _factors8(real: Any) -> Any:
    """The paper's x1, x2, then x3, then x4 to x7, and y2, from values in the matrices' precision.

    x7 is divided by x3 once more in the paper: in torch A^5/120 is 8e-4 A^5 off.
    """
    root, x3 = float(real(math.sqrt(177.0))), float(real(2 / 3))
    first = (x3 * ((1 + root) / 88), x3 * ((1 + root) / 352))
    last = (
        (-271 + 29 * root) / (315 * x3), (-11 + 11 * root) / (1260 * x3),
        (-99 + 11 * root) / (5040 * x3), (89 - root) / (5040 * x3),
    )  # fmt: skip
    return first, x3, last, (857 - 58 * root) / 630


def _taylor8(x: Any) -> Any:
    one, _, square = _powers(x, (1, 1))
    first, x3, last, y2 = _factors8(x.real.dtype.type)
    quartic = _product(square, _mixed(first, (x, square)))
    high = _product(x3 * square + quartic, _mixed(last, (one, x, square, quartic)))
    return _mixed((1, 1, y2, 1), (one, x, square, high))


def _taylor12(x: Any) -> Any:
    powers = _powers(x, (1, 1), (1, 2))
    b1, b2, b3, b4 = (_mixed(row, powers) for row in _T12)
    sixth = b3 + _product(b4, b4)
    return b1 + _product(b2 + sixth, sixth)


def _taylor18(x: Any) -> Any:
    powers = _powers(x, (1, 1), (1, 2), (3, 3))
    b1, b2, b3, b4, b5 = (_mixed(row, powers) for row in _T18)
    ninth = _product(b1, b5) + b4
    return b2 + _product(b3 + ninth, ninth)


_TAYLOR = (_taylor1, _taylor2, _taylor4, _taylor8, _taylor12)
