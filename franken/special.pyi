"""torch.special: special functions, as the op declarations publish them.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import complex as _complex
from builtins import float as _float
from builtins import int as _int
from collections.abc import Sequence
from typing import Any

from numpy import bool_ as _bool_
from numpy import number as _number

from franken.core.dtypes import dtype as _dtype
from franken.core.tensor import Tensor as _Tensor

def airy_ai(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The Airy function Ai."""

def bessel_j0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The Bessel function of the first kind, order 0."""

def bessel_j1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The Bessel function of the first kind, order 1."""

def bessel_y0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The Bessel function of the second kind, order 0."""

def bessel_y1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The Bessel function of the second kind, order 1."""

def chebyshev_polynomial_t(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The chebyshev polynomial T_n at x."""

def chebyshev_polynomial_u(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The chebyshev polynomial U_n at x."""

def chebyshev_polynomial_v(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The chebyshev polynomial V_n at x."""

def chebyshev_polynomial_w(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The chebyshev polynomial W_n at x."""

def digamma(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The derivative of lgamma."""

def entr(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """-x log(x), the entropy of x."""

def erf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The error function."""

def erfc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 - erf(x), relatively exact for large x."""

def erfcx(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x^2) erfc(x)."""

def erfinv(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse of erf."""

def exp2(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """2 to the power of each element."""

def expit(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 / (1 + exp(-x))."""

def expm1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x) - 1, exact near 0."""

def gammainc(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The regularized lower incomplete gamma function."""

def gammaincc(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The regularized upper incomplete gamma function."""

def gammaln(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm of |gamma(x)|."""

def hermite_polynomial_h(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The hermite polynomial H_n at x."""

def hermite_polynomial_he(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The hermite polynomial  HE_n at x."""

def i0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the first kind, order 0."""

def i0e(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(-|x|) i0(x)."""

def i1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the first kind, order 1."""

def i1e(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(-|x|) i1(x)."""

def laguerre_polynomial_l(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The laguerre polynomial L_n at x."""

def legendre_polynomial_p(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The legendre polynomial P_n at x."""

def log1p(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """log(1 + x), exact near 0."""

def log_ndtr(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm of the normal distribution function."""

def log_softmax(
    input: _Tensor, dim: _int, dtype: _dtype | None = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The logarithm of softmax along a dimension, computed as one."""

def logit(input: _Tensor, eps: _float | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if `eps` is given."""

def logsumexp(
    input: _Tensor,
    dim: _int | Sequence[_int] | None,
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """log(sum(exp(x))) over dimensions, without overflow."""

def modified_bessel_i0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the first kind, order 0."""

def modified_bessel_i1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the first kind, order 1."""

def modified_bessel_k0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the second kind, order 0."""

def modified_bessel_k1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the second kind, order 1."""

def multigammaln(input: _Tensor, p: _int, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`."""

def ndtr(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The normal distribution function."""

def ndtri(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The quantile of the normal distribution."""

def polygamma(n: _int, input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The n-th derivative of digamma."""

def psi(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The derivative of lgamma."""

def round(input: _Tensor, *, decimals: _int = 0, out: _Tensor | None = None) -> _Tensor:
    """Each element rounded to `decimals` digits, halves to the even neighbour."""

def scaled_modified_bessel_k0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x) modified_bessel_k0(x)."""

def scaled_modified_bessel_k1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x) modified_bessel_k1(x)."""

def shifted_chebyshev_polynomial_t(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The shifted chebyshev polynomial T_n at x."""

def shifted_chebyshev_polynomial_u(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The shifted chebyshev polynomial U_n at x."""

def shifted_chebyshev_polynomial_v(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The shifted chebyshev polynomial V_n at x."""

def shifted_chebyshev_polynomial_w(
    input: _Tensor | _complex | _number[Any] | _bool_,
    n: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The shifted chebyshev polynomial W_n at x."""

def sinc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """sin(pi x)/(pi x), 1 at 0."""

def softmax(
    input: _Tensor, dim: _int, dtype: _dtype | None = None, *, out: _Tensor | None = None
) -> _Tensor:
    """exp(x) divided by its sum along a dimension."""

def spherical_bessel_j0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The spherical Bessel function of the first kind, order 0."""

def xlog1py(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """x log(1 + y), 0 where x is 0 and y is not NaN."""

def xlogy(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """x log(y), 0 where x is 0 and y is not NaN."""

def zeta(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The Hurwitz zeta function, the sum of (other + k)^-input."""
