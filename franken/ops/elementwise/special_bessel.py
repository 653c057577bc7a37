"""Bessel functions, the Airy function and orthogonal polynomials (`franken.special`).

Only the modified functions of the first kind (i0, i0e, i1, i1e) have derivatives, as in torch.
"""

from __future__ import annotations

from typing import Any

from franken.backends.numpy import bessel, orthopoly
from franken.core.primitive import NOT_DIFFERENTIABLE
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise
from franken.ops.declaring.samples import polynomial
from franken.ops.elementwise.complexes import sgn
from franken.ops.elementwise.ternary import where_


def _unary(name: str, kernel: Any, doc: str, d: Any = NOT_DIFFERENTIABLE, **more: Any) -> Any:
    more = {"at": "special", "inplace": False, "refuse": "hc", **more}
    return elementwise(
        f"{name}(Tensor self) -> Tensor", kernel, d=d, promote=INT_TO_FLOAT, doc=doc, **more
    )


def _i1_slope(g: Any, x: Any, out: Any) -> Any:
    zero = ~(abs(x) > 0)  # NaN counts as 0 here, as in torch
    return g * where_(zero, 0.5, i0(x) - out / where_(zero, 1, x))


def _i1e_slope(g: Any, x: Any, out: Any) -> Any:
    zero = ~(abs(x) > 0)  # NaN counts as 0 here, as in torch
    return g * where_(zero, 0.5, i0e(x) - out * (sgn(x) + 1 / where_(zero, 1, x)))


i0 = _unary("i0", bessel.i0, "The modified Bessel function of the first kind, order 0.",
            lambda g, x: g * i1(x), at="torch", inplace=True, refuse="c", tag="i0_vml_cpu",
            alias=("special.i0",))  # fmt: skip
i0e = _unary("i0e", bessel.i0e, "exp(-|x|) i0(x).",
             lambda g, x, out: g * (i1e(x) - sgn(x) * out), refuse="c")  # fmt: skip
i1: Any = _unary("i1", bessel.i1, "The modified Bessel function of the first kind, order 1.",
                 _i1_slope, refuse="c")  # fmt: skip
i1e: Any = _unary("i1e", bessel.i1e, "exp(-|x|) i1(x).", _i1e_slope, refuse="c")

for _name, _doc in {
    "bessel_j0": "The Bessel function of the first kind, order 0.",
    "bessel_j1": "The Bessel function of the first kind, order 1.",
    "bessel_y0": "The Bessel function of the second kind, order 0.",
    "bessel_y1": "The Bessel function of the second kind, order 1.",
    "modified_bessel_k0": "The modified Bessel function of the second kind, order 0.",
    "modified_bessel_k1": "The modified Bessel function of the second kind, order 1.",
    "scaled_modified_bessel_k0": "exp(x) modified_bessel_k0(x).",
    "scaled_modified_bessel_k1": "exp(x) modified_bessel_k1(x).",
    "spherical_bessel_j0": "The spherical Bessel function of the first kind, order 0.",
    "airy_ai": "The Airy function Ai.",
}.items():
    _unary(_name, getattr(bessel, _name), _doc)
for _order in (0, 1):
    _unary(f"modified_bessel_i{_order}", getattr(bessel, f"i{_order}"),
           f"The modified Bessel function of the first kind, order {_order}.")  # fmt: skip

for _name in (
    *[f"{s}chebyshev_polynomial_{k}" for s in ("", "shifted_") for k in "tuvw"],
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
):  # fmt: skip
    elementwise(
        f"{_name}(Tensor self, Tensor n) -> Tensor", getattr(orthopoly, _name),
        promote=INT_TO_FLOAT, at="special", inplace=False, refuse="hc", numbers="any",
        samples=polynomial,
        doc=f"The {_name[:-2].replace('_', ' ')} {_name.rpartition('_')[2].upper()}_n at x.",
    )  # fmt: skip
