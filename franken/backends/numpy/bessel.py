"""Bessel functions of orders 0 and 1, modified ones, spherical j0 and Airy's Ai on arrays.

Knows the rational and Chebyshev approximations of S. L. Moshier, Methods and Programs for
Mathematical Functions (1989; the Cephes library), torch's values at poles and infinities, and where
torch differs from the book. Computed in the precision of the input. Must not know Tensor or
autograd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .blocks import fill, horner, map_blocks

_TWO_OVER_PI = 0.6366197723675814
_INV_SQRT_PI = 0.5641895835477563
_SQRT_TWO_OVER_PI = 0.7978845608028654

# Denominators of one degree more than they have coefficients are monic in the book. Torch leaves
# their leading term out, which moves J, Y and Ai on the negative axis by up to 5e-7; so does this.

# J0 = (z - a)(z - b) R(z) and J1 = x (z - a)(z - b) R(z), z = x^2, x <= 5; a, b are the first
# squared zeros
_J0_ROOTS = (5.783185962946785, 30.471262343662087)
_J1_ROOTS = (14.681970642123893, 49.2184563216947)
_J0_TOP = (-4794432209.782018, 1956174919465.5657, -249248344360967.72, 9708622510473064.0)
_J0_BELOW = (
    499.563147152651, 173785.4016763747, 48440965.83399621, 11185553704.535683, 2112775201154.892,
    310518229857422.56, 3.1812195594320496e+16, 1.7108629408104315e+18,
)  # fmt: skip
_J1_TOP = (-899971225.7055594, 452228297998.19403, -72749424522181.83, 3682957328638529.0)
_J1_BELOW = (
    620.8364781180543, 256987.25675774884, 83514679.14319493, 22151159547.97925, 4749141220799.914,
    784369607876235.9, 8.952223361846274e+16, 5.322786203326801e+18,
)  # fmt: skip
# Y0 - (2/pi) log(x) J0 and (Y1 - (2/pi)(log(x) J1 - 1/x))/x, rational in z
_Y0_TOP = (
    15592.436785523574, -14663929.59039716, 5435264770.518765, -982136065717.9115,
    87590639439536.7, -3466283033847297.0, 4.4273326857256984e+16, -1.8495080043698668e+16,
)  # fmt: skip
_Y0_BELOW = (
    1041.2835366425984, 626107.330137135, 268919633.39381415, 86400248710.3935, 20297961275010.555,
    3171577528429750.5, 2.5059625617265306e+17,
)  # fmt: skip
_Y1_TOP = (
    1263204747.9017804, -647355876379.1603, 114509511541823.73, -8127702555013251.0,
    2.024394757135949e+17, -7.788771962659501e+17,
)  # fmt: skip
_Y1_BELOW = (
    594.3015923461282, 235564.09294306856, 73481194.44597217, 18760131610.870617,
    3882312774962.3857, 620557727146953.8, 6.871410873553005e+16, 3.9727060811656064e+18,
)  # fmt: skip
# P and x Q / 5 of J = sqrt(2/(pi x)) (P cos chi - Q sin chi), rational in 25/x^2, x > 5
_P0_TOP = (
    0.0007969367292973471, 0.08283523921074408, 1.239533716464143, 5.447250030587687,
    8.74716500199817, 5.303240382353949, 1.0,
)  # fmt: skip
_P0_BELOW = (
    0.0009244088105588637, 0.08562884743544745, 1.2535274390105895, 5.470977403304171,
    8.761908832370695, 5.306052882353947, 1.0,
)  # fmt: skip
_Q0_TOP = (
    -0.011366383889846916, -1.2825271867050931, -19.553954425773597, -93.20601521237683,
    -177.68116798048806, -147.07750515495118, -51.41053267665993, -6.050143506007285,
)  # fmt: skip
_Q0_BELOW = (
    64.3178256118178, 856.4300259769806, 3882.4018360540163, 7240.467741956525, 5930.727011873169,
    2062.0933166032783, 242.0057402402914,
)  # fmt: skip
_P1_TOP = (
    0.0007621256162081731, 0.07313970569409176, 1.1271960812968493, 5.112079511468076,
    8.424045901417724, 5.214515986823615, 1.0,
)  # fmt: skip
_P1_BELOW = (
    0.0005713231280725487, 0.06884559087544954, 1.105142326340617, 5.073863861286015,
    8.399855543276042, 5.209828486823619, 1.0,
)  # fmt: skip
_Q1_TOP = (
    0.05108625947501766, 4.982138729512334, 75.82382841325453, 366.7796093601508,
    710.8563049989261, 597.4896124006136, 211.68875710057213, 25.207020585802372,
)  # fmt: skip
_Q1_BELOW = (
    74.23732770356752, 1056.4488603826283, 4986.410583376536, 9562.318924047562, 7997.041604473507,
    2826.1927851763908, 336.0936078106983,
)  # fmt: skip
# Chebyshev series: exp(-x) I0 and exp(-x) I1 / x, x <= 8; exp(-x) sqrt(x) I beyond
_I0_SMALL = (
    -4.4153416464793395e-18, 3.3307945188222384e-17, -2.431279846547955e-16, 1.715391285555133e-15,
    -1.1685332877993451e-14, 7.676185498604936e-14, -4.856446783111929e-13, 2.95505266312964e-12,
    -1.726826291441556e-11, 9.675809035373237e-11, -5.189795601635263e-10, 2.6598237246823866e-09,
    -1.300025009986248e-08, 6.046995022541919e-08, -2.670793853940612e-07, 1.1173875391201037e-06,
    -4.4167383584587505e-06, 1.6448448070728896e-05, -5.754195010082104e-05,
    0.00018850288509584165, -0.0005763755745385824, 0.0016394756169413357, -0.004324309995050576,
    0.010546460394594998, -0.02373741480589947, 0.04930528423967071, -0.09490109704804764,
    0.17162090152220877, -0.3046826723431984, 0.6767952744094761,
)  # fmt: skip
_I0_LARGE = (
    -7.233180487874754e-18, -4.830504485944182e-18, 4.46562142029676e-17, 3.461222867697461e-17,
    -2.8276239805165836e-16, -3.425485619677219e-16, 1.7725601330565263e-15,
    3.8116806693526224e-15, -9.554846698828307e-15, -4.150569347287222e-14, 1.54008621752141e-14,
    3.8527783827421426e-13, 7.180124451383666e-13, -1.7941785315068062e-12,
    -1.3215811840447713e-11, -3.1499165279632416e-11, 1.1889147107846439e-11, 4.94060238822497e-10,
    3.3962320257083865e-09, 2.266668990498178e-08, 2.0489185894690638e-07, 2.8913705208347567e-06,
    6.889758346916825e-05, 0.0033691164782556943, 0.8044904110141088,
)  # fmt: skip
_I1_SMALL = (
    2.7779141127610464e-18, -2.111421214358166e-17, 1.5536319577362005e-16,
    -1.1055969477353862e-15, 7.600684294735408e-15, -5.042185504727912e-14, 3.223793365945575e-13,
    -1.9839743977649436e-12, 1.1736186298890901e-11, -6.663489723502027e-11, 3.625590281552117e-10,
    -1.8872497517228294e-09, 9.381537386495773e-09, -4.445059128796328e-08, 2.0032947535521353e-07,
    -8.568720264695455e-07, 3.4702513081376785e-06, -1.3273163656039436e-05, 4.781565107550054e-05,
    -0.00016176081582589674, 0.0005122859561685758, -0.0015135724506312532, 0.004156422944312888,
    -0.010564084894626197, 0.024726449030626516, -0.05294598120809499, 0.1026436586898471,
    -0.17641651835783406, 0.25258718644363365,
)  # fmt: skip
_I1_LARGE = (
    7.517296310842105e-18, 4.414348323071708e-18, -4.6503053684893586e-17, -3.209525921993424e-17,
    2.96262899764595e-16, 3.3082023109209285e-16, -1.8803547755107825e-15, -3.8144030724370075e-15,
    1.0420276984128802e-14, 4.272440016711951e-14, -2.1015418427726643e-14,
    -4.0835511110921974e-13, -7.198551776245908e-13, 2.0356285441470896e-12,
    1.4125807436613782e-11, 3.2526035830154884e-11, -1.8974958123505413e-11,
    -5.589743462196584e-10, -3.835380385964237e-09, -2.6314688468895196e-08,
    -2.512236237870209e-07, -3.882564808877691e-06, -0.00011058893876262371, -0.009761097491361469,
    0.7785762350182801,
)  # fmt: skip
# K0 + log(x/2) I0 and x (K1 - log(x/2) I1), x <= 2; exp(x) sqrt(x) K beyond
_K0_SMALL = (
    1.374465435613523e-16, 4.25981614279661e-14, 1.0349695257633842e-11, 1.904516377220209e-09,
    2.5347910790261494e-07, 2.286212103119452e-05, 0.001264615411446926, 0.0359799365153615,
    0.3442898999246285, -0.5353273932339028,
)  # fmt: skip
_K0_LARGE = (
    5.300433772686263e-18, -1.6475804301524212e-17, 5.2103915050390274e-17, -1.678231096805412e-16,
    5.512055978524319e-16, -1.848593377343779e-15, 6.3400764774050706e-15, -2.2275133269916698e-14,
    8.032890775363575e-14, -2.9800969231727303e-13, 1.140340588208475e-12, -4.514597883373944e-12,
    1.8559491149547177e-11, -7.957489244477107e-11, 3.577397281400301e-10, -1.69753450938906e-09,
    8.574034017414225e-09, -4.660489897687948e-08, 2.766813639445015e-07, -1.8317555227191195e-06,
    1.39498137188765e-05, -0.00012849549581627802, 0.0015698838857300533, -0.0314481013119645,
    2.4403030820659555,
)  # fmt: skip
_K1_SMALL = (
    -7.023863479386288e-18, -2.427449850519366e-15, -6.666901694199329e-13,
    -1.4114883926335278e-10, -2.213387630734726e-08, -2.4334061415659684e-06,
    -0.0001730288957513052, -0.006975723859639864, -0.12261118082265715, -0.3531559607765449,
    1.5253002273389478,
)  # fmt: skip
_K1_LARGE = (
    -5.756744483665017e-18, 1.7940508731475592e-17, -5.689462558442859e-17, 1.838093544366639e-16,
    -6.057047248373319e-16, 2.038703165624334e-15, -7.019837090418314e-15, 2.4771544244813043e-14,
    -8.976705182324994e-14, 3.3484196660784293e-13, -1.2891739609510289e-12, 5.13963967348173e-12,
    -2.1299678384275683e-11, 9.218315187605006e-11, -4.1903547593418965e-10, 2.015049755197033e-09,
    -1.0345762465678097e-08, 5.7410841254500495e-08, -3.5019606030878126e-07,
    2.406484947837217e-06, -1.936197974166083e-05, 0.00019521551847135162, -0.002857816859622779,
    0.10392373657681724, 2.7206261904844427,
)  # fmt: skip
# 2 sqrt(pi) x^(1/4) exp(zeta) Ai, rational in 1/zeta, zeta = 2/3 |x|^(3/2), x >= 2.09; (F - 1)
# zeta^2 and G zeta of sqrt(pi) |x|^(1/4) Ai = F sin(zeta + pi/4) - G cos(zeta + pi/4), x < -2.09
_AI_TOP = (
    0.346538101525629, 12.007595273964581, 76.27960536152345, 168.08922493463058,
    159.75639135016442, 70.53609068404442, 14.026469116338967, 1.0,
)  # fmt: skip
_AI_BELOW = (
    0.5675945326387702, 14.75625625848472, 84.51389701414746, 177.31808814540045,
    164.2346928715297, 71.47784008255756, 14.095913560783403, 1.0,
)  # fmt: skip
_F_TOP = (
    -0.1316963234183318, -0.6264565444319123, -0.6931580360369335, -0.2797799815451191,
    -0.04919001326095003, -0.004062659235948854, -0.0001592764962392621, -2.776491081552329e-06,
    -1.6778769848911465e-08,
)  # fmt: skip
_F_BELOW = (
    13.356042070655324, 32.682503279522464, 26.736704094149957, 9.187074029072596,
    1.4752914677166642, 0.11568717379518804, 0.004402916416152112, 7.547203482874142e-05,
    4.5185009297058035e-07,
)  # fmt: skip
_G_TOP = (
    0.01973399320916857, 0.39110302961568827, 1.0657989759959559, 0.9391692298166502,
    0.35146565610554764, 0.06338889196289255, 0.005858041130483885, 0.000282851600836737,
    6.98793669997261e-06, 8.117892395543892e-08, 3.415517847659236e-10,
)  # fmt: skip
_G_BELOW = (
    9.30892908077442, 19.835292871831214, 15.564662893286462, 5.476860694229755,
    0.9542936116189619, 0.08645808263523921, 0.004126565238242226, 0.00010125908511650914,
    1.1716673321441352e-06, 4.9183457006293e-09,
)  # fmt: skip
# Ai(0) and -Ai'(0)
_AI_ZERO = 0.3550280538878172
_AI_SLOPE = 0.2588194037928068
_SINC = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(6, -1, -1))
_AI_VANISHES = 103.892  # Ai is below the smallest number


def _chebyshev(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """The series in T_k(x/2), highest first, its constant term halved (Clenshaw)."""
    last: np.ndarray | float = 0.0
    now = np.full_like(x, coefficients[0])
    before: np.ndarray | float = 0.0
    for c in coefficients[1:]:
        before, last = last, now
        now = x * last - before + c
    return 0.5 * (now - before)


def _ratio(z: np.ndarray, top: Sequence[float], below: Sequence[float]) -> np.ndarray:
    return horner(z, top) / horner(z, below)


def _i_scaled(a: np.ndarray, order: int) -> np.ndarray:
    """exp(-a) I(a), a >= 0."""
    out = np.full_like(a, np.nan)
    small, large = (_I1_SMALL, _I1_LARGE) if order else (_I0_SMALL, _I0_LARGE)
    fill(out, a <= 8.0, lambda v: _chebyshev(0.5 * v - 2.0, small) * (v if order else 1.0), a)
    fill(out, a > 8.0, lambda v: _chebyshev(32.0 / v - 2.0, large) / np.sqrt(v), a)
    return out


def _modified_i(x: np.ndarray, order: int, scaled: bool) -> np.ndarray:
    a = np.abs(x)
    out = _i_scaled(a, order)
    if not scaled:
        out *= np.exp(a)
    return np.where(x < 0.0, -out, out) if order else out


def _k_small(x: np.ndarray, order: int) -> np.ndarray:
    """0 < x <= 2."""
    # half of the least float32 is none
    singular = np.log(0.5 * x.astype(np.float64)) * _modified_i(x, order, False)
    if order:
        return singular + _chebyshev(x * x - 2.0, _K1_SMALL) / x
    return _chebyshev(x * x - 2.0, _K0_SMALL) - singular


def _k_large(x: np.ndarray, order: int) -> np.ndarray:
    """exp(x) K(x), x > 2."""
    return _chebyshev(8.0 / x - 2.0, _K1_LARGE if order else _K0_LARGE) / np.sqrt(x)


def _modified_k(x: np.ndarray, order: int, scaled: bool) -> np.ndarray:
    out = np.full_like(x, np.nan)
    out[x == 0.0] = np.inf
    small, large = (x > 0.0) & (x <= 2.0), x > 2.0
    if scaled:
        fill(out, small, lambda v: np.exp(v) * _k_small(v, order), x)
        fill(out, large, lambda v: _k_large(v, order), x)
    else:
        fill(out, small, lambda v: _k_small(v, order), x)
        fill(out, large, lambda v: np.exp(-v) * _k_large(v, order), x)
    return out


def _j_small(x: np.ndarray, order: int) -> np.ndarray:
    z = x * x
    if order:
        a, b = _J1_ROOTS
        return _ratio(z, _J1_TOP, _J1_BELOW) * x * (z - a) * (z - b)
    a, b = _J0_ROOTS
    out = (z - a) * (z - b) * _ratio(z, _J0_TOP, _J0_BELOW)
    return np.where(x < 1e-5, 1.0 - 0.25 * z, out)


def _y_small(x: np.ndarray, order: int) -> np.ndarray:
    z = x * x
    if order:
        singular = _TWO_OVER_PI * (_j_small(x, 1) * np.log(x) - 1.0 / x)
        return x * _ratio(z, _Y1_TOP, _Y1_BELOW) + singular
    return _ratio(z, _Y0_TOP, _Y0_BELOW) + _TWO_OVER_PI * np.log(x) * _j_small(x, 0)


def _oscillating(x: np.ndarray, order: int, second: bool) -> np.ndarray:
    """J or Y for x > 5."""
    z = 25.0 / (x * x)
    if order:
        p, q = _ratio(z, _P1_TOP, _P1_BELOW), _ratio(z, _Q1_TOP, _Q1_BELOW)
    else:
        p, q = _ratio(z, _P0_TOP, _P0_BELOW), _ratio(z, _Q0_TOP, _Q0_BELOW)
    q *= 5.0 / x
    chi = x - (0.5 * order + 0.25) * math.pi
    sin, cos = np.sin(chi), np.cos(chi)
    wave = p * sin + q * cos if second else p * cos - q * sin
    return wave * _SQRT_TWO_OVER_PI / np.sqrt(x)


def _bessel_j(x: np.ndarray, order: int) -> np.ndarray:
    a = np.abs(x)
    out = np.full_like(x, np.nan)
    fill(out, a <= 5.0, lambda v: _j_small(v, order), a)
    fill(out, a > 5.0, lambda v: _oscillating(v, order, False), a)
    return np.where(np.signbit(x), -out, out) if order else out


def _bessel_y(x: np.ndarray, order: int) -> np.ndarray:
    out = np.full_like(x, np.nan)
    out[x == 0.0] = -np.inf
    fill(out, (x > 0.0) & (x <= 5.0), lambda v: _y_small(v, order), x)
    fill(out, x > 5.0, lambda v: _oscillating(v, order, True), x)
    return out


def _airy_large(x: np.ndarray) -> np.ndarray:
    root = np.sqrt(x)
    zeta = 2.0 * x * root / 3.0
    below = 2.0 * np.sqrt(root) * np.exp(zeta)
    return _INV_SQRT_PI * _ratio(1.0 / zeta, _AI_TOP, _AI_BELOW) / below


def _airy_oscillating(x: np.ndarray) -> np.ndarray:
    root = np.sqrt(-x)
    zeta = -2.0 * x * root / 3.0
    z = 1.0 / zeta
    zz = z * z
    f = 1.0 + zz * _ratio(zz, _F_TOP, _F_BELOW)
    g = z * _ratio(zz, _G_TOP, _G_BELOW)
    theta = zeta + 0.25 * math.pi
    return _INV_SQRT_PI / np.sqrt(root) * (np.sin(theta) * f - np.cos(theta) * g)


def _airy_middle(x: np.ndarray) -> np.ndarray:
    """The power series: Ai(0) f(x) + Ai'(0) g(x) (DLMF 9.4)."""
    cube = x * x * x
    f, g = np.ones_like(x), x.copy()
    up, down = np.ones_like(x), x.copy()
    for k in range(2, 62, 3):  # 2.1^60/(2 3 5 6 ... 59 60) < 1e-20
        up = up * cube / (k * (k + 1))
        down = down * cube / ((k + 1) * (k + 2))
        f += up
        g += down
    return _AI_ZERO * f - _AI_SLOPE * g


def _airy(x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, np.nan)
    out[(x > _AI_VANISHES) & (x < np.inf)] = 0.0
    fill(out, (x >= -2.09) & (x < 2.09), _airy_middle, x)
    fill(out, (x >= 2.09) & (x <= _AI_VANISHES), _airy_large, x)
    fill(out, x < -2.09, _airy_oscillating, x)
    return out


def _spherical_j0(x: np.ndarray) -> np.ndarray:
    out = np.sin(x) / x
    near = np.abs(x) < 0.5  # the quotient loses a bit there
    fill(out, near, lambda v: horner(v * v, _SINC), x)
    out[np.isinf(x)] = 0.0
    return out


def i0(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the first kind, order 0; NaN at infinity, as torch.

    >>> i0(np.array([0.0, 1.0])).round(12).tolist()
    [1.0, 1.266065877752]
    """
    return map_blocks(lambda v: _modified_i(v, 0, False), x, wide=False)


def i0e(x: np.ndarray) -> np.ndarray:
    """Return exp(-|x|) i0(x).

    >>> i0e(np.array([0.0])).tolist()
    [1.0]
    """
    return map_blocks(lambda v: _modified_i(v, 0, True), x, wide=False)


def i1(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the first kind, order 1.

    >>> i1(np.array([1.0])).round(12).tolist()
    [0.565159103992]
    """
    return map_blocks(lambda v: _modified_i(v, 1, False), x, wide=False)


def i1e(x: np.ndarray) -> np.ndarray:
    """Return exp(-|x|) i1(x).

    >>> i1e(np.array([0.0])).tolist()
    [0.0]
    """
    return map_blocks(lambda v: _modified_i(v, 1, True), x, wide=False)


modified_bessel_i0 = i0
modified_bessel_i1 = i1


def modified_bessel_k0(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the second kind, order 0; inf at 0, NaN below.

    >>> modified_bessel_k0(np.array([1.0])).round(12).tolist()
    [0.421024438241]
    """
    return map_blocks(lambda v: _modified_k(v, 0, False), x, wide=False)


def modified_bessel_k1(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the second kind, order 1; inf at 0, NaN below.

    >>> modified_bessel_k1(np.array([1.0])).round(12).tolist()
    [0.601907230197]
    """
    return map_blocks(lambda v: _modified_k(v, 1, False), x, wide=False)


def scaled_modified_bessel_k0(x: np.ndarray) -> np.ndarray:
    """Return exp(x) modified_bessel_k0(x).

    >>> scaled_modified_bessel_k0(np.array([1.0])).round(12).tolist()
    [1.144463079807]
    """
    return map_blocks(lambda v: _modified_k(v, 0, True), x, wide=False)


def scaled_modified_bessel_k1(x: np.ndarray) -> np.ndarray:
    """Return exp(x) modified_bessel_k1(x).

    >>> scaled_modified_bessel_k1(np.array([1.0])).round(12).tolist()
    [1.636153486263]
    """
    return map_blocks(lambda v: _modified_k(v, 1, True), x, wide=False)


def bessel_j0(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind, order 0.

    >>> bessel_j0(np.array([1.0])).round(12).tolist()
    [0.765197686558]
    """
    return map_blocks(lambda v: _bessel_j(v, 0), x, wide=False)


def bessel_j1(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind, order 1.

    >>> bessel_j1(np.array([1.0])).round(12).tolist()
    [0.440050585745]
    """
    return map_blocks(lambda v: _bessel_j(v, 1), x, wide=False)


def bessel_y0(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the second kind, order 0; -inf at 0, NaN below.

    >>> bessel_y0(np.array([1.0])).round(12).tolist()
    [0.088256964216]
    """
    return map_blocks(lambda v: _bessel_y(v, 0), x, wide=False)


def bessel_y1(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the second kind, order 1; -inf at 0, NaN below.

    >>> bessel_y1(np.array([1.0])).round(12).tolist()
    [-0.7812128213]
    """
    return map_blocks(lambda v: _bessel_y(v, 1), x, wide=False)


def spherical_bessel_j0(x: np.ndarray) -> np.ndarray:
    """Return sin(x)/x; 1 at 0 and 0 at infinity.

    >>> spherical_bessel_j0(np.array([0.0])).tolist()
    [1.0]
    """
    return map_blocks(_spherical_j0, x, wide=False)


def airy_ai(x: np.ndarray) -> np.ndarray:
    """Return Airy's function Ai; NaN at both infinities, as torch.

    >>> airy_ai(np.array([0.0])).round(12).tolist()
    [0.355028053888]
    """
    return map_blocks(_airy, x, wide=False)
