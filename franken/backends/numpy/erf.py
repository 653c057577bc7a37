"""Error functions, the normal distribution function and GELU on arrays.

Knows one approximation of exp(x^2) erfc(x) on the half line (variable (x - k)/(x + k), Shepherd
and Laframboise, Math. Comp. 36, 1981), from which erfc, erfcx, ndtr and log_ndtr follow, and
Chebyshev fits of the normal quantile. Coefficients were fitted with mpmath at 50 digits. Must not
know Tensor or autograd.
"""

from __future__ import annotations

import numpy as np

from .blocks import fill, horner, map_blocks

_SQRT_HALF = 0.7071067811865476
_SQRT_2 = 1.4142135623730951
_INV_SQRT_2PI = 0.3989422804014327
_SQRT_2_OVER_PI = 0.7978845608028654
_TWO_OVER_SQRT_PI = 1.1283791670955126
_TANH_CUBIC = 0.044715

# (1 + 2x) exp(x^2) erfc(x) in t = (x - 3.75)/(x + 3.75), x >= 0
_ERFCX = (
    4.2514714447963895e-10, 3.1114333809799254e-10, -5.1739902140113095e-09, -3.744210080962018e-09,
    3.8675334242222354e-08, 2.3263508708859124e-08, -2.5866850716155884e-07,
    -5.7218230603224086e-08, 1.751637648849062e-06, -9.73559896736775e-07, -1.1444146237700524e-05,
    2.238423915508223e-05, 5.164909889268241e-05, -0.0002901540805408417, 0.0002937136655913448,
    0.0017556258528952954, -0.009746579558029276, 0.028362277418956406, -0.05869339858963677,
    0.09230432116037748, -0.10880393014174886, 0.0822767384901452, 0.0035854154854644293,
    -0.14024059858554697, 1.2375126308378275,
)  # fmt: skip
# erf(x)/x in x^2, |x| <= 1
_ERF = (
    -7.798543850549947e-10, 1.3721520406351094e-08, -1.6208829856810202e-07, 1.6447471190594618e-06,
    -1.4924740785377576e-05, 0.00012055295112667001, -0.0008548325982543225, 0.005223977607269946,
    -0.026866170643256995, 0.1128379167094513, -0.37612638903183543, 1.1283791670955126,
)  # fmt: skip
# quantile of the normal distribution: q P(q^2) for |p - 1/2| <= 3/8; then in y = sqrt(-2 log p)
_NDTRI_CENTRE = (
    7.829708083684565e-11, 2.0200020058082005e-10, 9.178576499729974e-11, 2.942419529752268e-10,
    1.934279201815637e-09, 5.146346903063894e-09, 1.240708454279408e-08, 3.4137777038479915e-08,
    9.543588882771853e-08, 2.639912025678062e-07, 7.343413860647107e-07, 2.0603423079365853e-06,
    5.831672638265488e-06, 1.6680280444235806e-05, 4.8332928841216036e-05, 0.00014235230189224384,
    0.0004282119679808098, 0.0013252569264866026, 0.004270141163447611, 0.014631491457871473,
    0.055695000431073734, 0.26436689143860614, 2.7266649486974748,
)  # fmt: skip
_NDTRI_MID = (
    -2.05129689149557e-09, 4.0018170385469445e-09, 5.511987622837141e-09, -9.69393080341518e-09,
    -2.1467908020157575e-08, 3.9850300224088925e-08, -1.0336593785932993e-08, 3.103773376377358e-08,
    -1.5089549276548624e-07, 3.1220585565233513e-07, -6.026743190462537e-07, 1.3048480880185258e-06,
    -2.8600590662472467e-06, 6.2222575559219335e-06, -1.3622592400548957e-05, 3.008659417619674e-05,
    -6.703663170184013e-05, 0.00015085844039239613, -0.00034334367126971264, 0.0007913953201167235,
    -0.0018503106610003337, 0.004397004950483869, -0.010652716593604521, 0.02645660971665582,
    -0.06811608646858809, 2.1867924095254163, 3.4011926561446657,
)  # fmt: skip
_NDTRI_FAR = (
    1.9760776512542285e-08, -2.4832667588085652e-08, -1.2678242233027175e-07, 1.528600992472682e-07,
    3.8854091712671714e-07, -4.505747596608235e-07, -7.224112759502567e-07, 8.013494302434823e-07,
    9.193953282108709e-07, -9.757142534461811e-07, -8.141407527287615e-07, 8.131597832405252e-07,
    5.635188208528292e-07, -5.486026918314535e-07, -2.0353411939200884e-07, 1.3831238354352012e-07,
    2.452685296712862e-07, -3.2657698573435086e-07, 3.92933249872246e-07, -6.886842904349145e-07,
    1.2238815528050413e-06, -2.151912468269923e-06, 3.8843350055504774e-06, -7.243851701323068e-06,
    1.4034631065782184e-05, -2.8545484862751347e-05, 6.184233835781759e-05, -0.00014447839974583495,
    0.0003589506401927217, -0.0008755965128979028, 0.0014319169984978754, 0.027115202649460917,
    0.9476789385659538,
)  # fmt: skip
# float32, minimax to 0.06 ulp: erf(x) = tanh(x + x P(x^2)/Q(x^2)), the ratio below 0.13 so that it
# hardly rounds; ndtr(x) = (1 + tanh(x P(x^2)/Q(x^2)))/2
_ERF32_P = (0.0018533554393798113, 0.01895662397146225, 0.12291423976421356, 0.128379225730896)
_ERF32_Q = (0.0003249238070566207, 0.023689907044172287, 0.1568925529718399, 1.0)
_NDTR32_P = (0.00019253449863754213, 0.007538913283497095, 0.09892664104700089, 0.7978845834732056)
_NDTR32_Q = (4.061547588207759e-05, 0.005922476761043072, 0.07844627648591995, 1.0)


def _split_square(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return s, e with s + e = x^2 where s is exact: the high half of x has 26 bits."""
    high = (x.view(np.int64) & -(1 << 27)).view(np.float64)
    return high * high, (x - high) * (x + high)


def _gauss(x: np.ndarray, scale: float) -> np.ndarray:
    """exp(scale x^2), scale a power of two, without the error x^2 eps of a rounded square."""
    x = np.clip(x, -1e154, 1e154)
    s, e = _split_square(x)
    return np.exp(scale * s) * np.exp(scale * e)


def _erfcx_right(x: np.ndarray) -> np.ndarray:
    """exp(x^2) erfc(x) for x >= 0."""
    t = 1.0 - 7.5 / (x + 3.75)
    return horner(t, _ERFCX) / (1.0 + 2.0 * x)


def _erf_centre(x: np.ndarray) -> np.ndarray:
    return x * horner(x * x, _ERF)


def _erfc_tail(x: np.ndarray) -> np.ndarray:
    return _gauss(x, -1.0) * _erfcx_right(x)


def _erf(x: np.ndarray) -> np.ndarray:
    a = np.abs(x)
    out = np.copysign(1.0, x)
    out[np.isnan(x)] = np.nan
    fill(out, a < 1.0, _erf_centre, x)
    fill(out, (a >= 1.0) & (a < 6.0), lambda v: np.copysign(1.0 - _erfc_tail(np.abs(v)), v), x)
    return out


def _erfc(x: np.ndarray) -> np.ndarray:
    out = np.where(x > 0.0, 0.0, 2.0)
    out[np.isnan(x)] = np.nan
    fill(out, np.abs(x) < 0.5, lambda v: 1.0 - _erf_centre(v), x)
    fill(out, (x >= 0.5) & (x < 28.0), _erfc_tail, x)
    fill(out, (x <= -0.5) & (x > -6.0), lambda v: 2.0 - _erfc_tail(-v), x)
    return out


def _erfcx(x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, np.nan)
    fill(out, x >= 0.0, _erfcx_right, x)
    fill(out, x < 0.0, lambda v: 2.0 * _gauss(v, 1.0) - _erfcx_right(-v), x)
    return out


def _ndtr_left(x: np.ndarray) -> np.ndarray:
    return 0.5 * _gauss(x, -0.5) * _erfcx_right(x * -_SQRT_HALF)


def _ndtr(x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, np.nan)
    fill(out, np.abs(x) <= 0.5, lambda v: 0.5 + 0.5 * _erf_centre(v * _SQRT_HALF), x)
    fill(out, x < -0.5, _ndtr_left, x)
    fill(out, x > 0.5, lambda v: 1.0 - _ndtr_left(-v), x)
    return out


def _log_ndtr(x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, np.nan)
    fill(out, x < -1.0, lambda v: np.log(0.5 * _erfcx_right(v * -_SQRT_HALF)) - 0.5 * v * v, x)
    fill(out, x >= -1.0, lambda v: np.log1p(-_ndtr(-v)), x)
    out[x == -np.inf] = -np.inf
    return out


def _quantile_far(y: np.ndarray) -> np.ndarray:
    u = 1.0 / y
    t = (u - 1.0 / 39.0) * (2.0 / (1.0 / 6.0 - 1.0 / 39.0)) - 1.0
    return y - (horner(t, _NDTRI_FAR) + np.log(y)) * u


def _quantile_tail(p: np.ndarray) -> np.ndarray:
    """-ndtri(p) for 0 < p <= 1/8."""
    y = np.sqrt(-2.0 * np.log(p))
    out = np.full_like(y, np.inf)
    fill(out, y < 6.0, lambda v: horner(0.5 * v - 2.0, _NDTRI_MID), y)
    fill(out, (y >= 6.0) & (y < 40.0), _quantile_far, y)
    return out


def _quantile_centre(q: np.ndarray) -> np.ndarray:
    return q * horner(q * q * (128.0 / 9.0) - 1.0, _NDTRI_CENTRE)


def _ndtri(p: np.ndarray) -> np.ndarray:
    out = np.full_like(p, np.nan)
    fill(out, np.abs(p - 0.5) <= 0.375, lambda v: _quantile_centre(v - 0.5), p)
    fill(out, (p >= 0.0) & (p < 0.125), lambda v: -_quantile_tail(v), p)
    fill(out, (p > 0.875) & (p <= 1.0), lambda v: _quantile_tail(1.0 - v), p)
    return out


def _erfinv(x: np.ndarray) -> np.ndarray:
    a = np.abs(x)
    out = np.full_like(x, np.nan)
    fill(out, a <= 0.75, lambda v: _quantile_centre(0.5 * v) * _SQRT_HALF, x)
    fill(
        out,
        (a > 0.75) & (a <= 1.0),
        lambda v: np.copysign(_quantile_tail(0.5 - 0.5 * np.abs(v)), v) * _SQRT_HALF,
        x,
    )
    return out


def _ratio32(x: np.ndarray, p: tuple[float, ...], q: tuple[float, ...]) -> np.ndarray:
    """x P(x^2)/Q(x^2) in float32; the ratio is held beyond x^2 = 100, where tanh is saturated."""
    z = np.square(x)
    if not z.max() <= 100.0:  # a NaN takes this way too; np.minimum costs four multiplications
        np.minimum(z, np.float32(100.0), out=z)
    out = _horner32(z, p)
    out /= _horner32(z, q)
    out *= x
    return out


def _horner32(z: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    out = z * np.float32(coefficients[0])
    out += np.float32(coefficients[1])
    for c in coefficients[2:]:
        out *= z
        out += np.float32(c)
    return out


def _erf32(x: np.ndarray) -> np.ndarray:
    out = _ratio32(x, _ERF32_P, _ERF32_Q)
    out += x
    return np.tanh(out, out=out)


def _float32_only(x: np.ndarray) -> bool:
    return x.dtype == np.float32


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function of `x`.

    >>> erf(np.array([0.5])).round(12).tolist()
    [0.520499877813]
    """
    return map_blocks(_erf32, x, wide=False) if _float32_only(x) else map_blocks(_erf, x)


def erfc(x: np.ndarray) -> np.ndarray:
    """Return 1 - erf(x), relatively accurate for large x.

    >>> erfc(np.array([10.0]))[0] < 1e-44
    np.True_
    """
    return map_blocks(_erfc, x)


def erfcx(x: np.ndarray) -> np.ndarray:
    """Return exp(x^2) erfc(x).

    >>> erfcx(np.array([1e6])).round(12).tolist()
    [5.6419e-07]
    """
    return map_blocks(_erfcx, x)


def erfinv(x: np.ndarray) -> np.ndarray:
    """Return the inverse of erf; infinite at -1 and 1, NaN beyond.

    >>> erfinv(np.array([0.0, 1.0])).tolist()
    [0.0, inf]
    """
    return map_blocks(_erfinv, x)


def ndtr(x: np.ndarray) -> np.ndarray:
    """Return the normal distribution function, relatively accurate in both tails.

    >>> ndtr(np.array([0.0])).tolist()
    [0.5]
    """
    return map_blocks(_ndtr, x)


def log_ndtr(x: np.ndarray) -> np.ndarray:
    """Return the logarithm of the normal distribution function.

    >>> log_ndtr(np.array([-50.0])).round(4).tolist()
    [-1254.8314]
    """
    return map_blocks(_log_ndtr, x)


def ndtri(p: np.ndarray) -> np.ndarray:
    """Return the quantile of the normal distribution; -inf at 0, inf at 1, NaN outside.

    >>> ndtri(np.array([0.5])).tolist()
    [0.0]
    """
    return map_blocks(_ndtri, p)


def _ndtr32(x: np.ndarray) -> np.ndarray:
    out = _ratio32(x, _NDTR32_P, _NDTR32_Q)
    np.tanh(out, out=out)
    out *= np.float32(0.5)
    out += np.float32(0.5)
    return out


def _gelu_erf(x: np.ndarray) -> np.ndarray:
    out = _ndtr32(x) if _float32_only(x) else _ndtr(x)
    out *= x
    return out


def _gelu_tanh_half(x: np.ndarray) -> np.ndarray:
    """tanh(sqrt(2/pi) (x + 0.044715 x^3)) in the type of x."""
    kind = x.dtype.type
    out = np.square(x)
    out *= kind(_TANH_CUBIC * _SQRT_2_OVER_PI)
    out += kind(_SQRT_2_OVER_PI)
    out *= x
    return np.tanh(out, out=out)


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    out = _gelu_tanh_half(x)
    out += 1
    out *= x
    out *= x.dtype.type(0.5)
    return out


def _gelu_erf_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    # d/dx x Phi(x) = Phi(x) + x phi(x)
    kind = x.dtype.type
    out = _ndtr32(x) if _float32_only(x) else _ndtr(x)
    density = np.square(x)
    density *= kind(-0.5)
    np.exp(density, out=density)
    density *= x
    density *= kind(_INV_SQRT_2PI)
    out += density
    out *= g
    return out


def _gelu_tanh_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    # d/dx x (1 + t)/2 = (1 + t)/2 + x (1 - t^2) u'/2,  u' = sqrt(2/pi) (1 + 3 c x^2)
    kind = x.dtype.type
    t = _gelu_tanh_half(x)
    slope = np.square(x)
    slope *= kind(3.0 * _TANH_CUBIC * _SQRT_2_OVER_PI)
    slope += kind(_SQRT_2_OVER_PI)
    slope *= x
    out = t + kind(1)
    t -= kind(1)
    t *= out
    slope *= t
    out -= slope
    out *= kind(0.5)
    out *= g
    return out


_GELU = {"none": _gelu_erf, "tanh": _gelu_tanh}
_GELU_BACKWARD = {"none": _gelu_erf_backward, "tanh": _gelu_tanh_backward}


def _gelu_kernel(table: dict, approximate: str):
    kernel = table.get(approximate)
    if kernel is None:
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return kernel


def gelu(x: np.ndarray, approximate: str = "none") -> np.ndarray:
    """Return x Phi(x), or its tanh form (Hendrycks and Gimpel, arXiv 1606.08415).

    >>> gelu(np.array([1.0])).round(6).tolist()
    [0.841345]
    """
    return map_blocks(_gelu_kernel(_GELU, approximate), x, wide=False)


def gelu_backward(g: np.ndarray, x: np.ndarray, approximate: str = "none") -> np.ndarray:
    """Return the cotangent of gelu's input.

    >>> gelu_backward(np.array([1.0]), np.array([0.0])).tolist()
    [0.5]
    """
    return map_blocks(_gelu_kernel(_GELU_BACKWARD, approximate), g, x, wide=False)
