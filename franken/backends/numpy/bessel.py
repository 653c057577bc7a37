"""Bessel functions of orders 0 and 1, modified ones, spherical j0 and Airy's Ai on arrays.

Knows power series near the origin (DLMF 10.2, 10.25, 10.31), fits of modulus and phase beyond
(DLMF 10.17, 10.40, 9.7) and torch's values at poles and infinities. The fits are Chebyshev
interpolants made with mpmath at 50 digits. Must not know Tensor or autograd.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from .blocks import fill, horner, map_blocks

_EULER = 0.5772156649015329
_TWO_OVER_PI = 0.6366197723675814
_INV_SQRT_PI = 0.5641895835477563
_I_TERMS = 25  # z^25/(25!)^2 < 2^-60 I0 for z = (8/2)^2


def _harmonic(k: int) -> float:
    return sum(1.0 / j for j in range(1, k + 1))


# power series in z = (x/2)^2, highest power first; all terms are positive, so nothing cancels
_I0_SERIES = tuple(1.0 / factorial(k) ** 2 for k in range(_I_TERMS, -1, -1))
_I1_SERIES = tuple(1.0 / (factorial(k) * factorial(k + 1)) for k in range(_I_TERMS, -1, -1))
_K0_SERIES = tuple(_harmonic(k) / factorial(k) ** 2 for k in range(10, -1, -1))
_K1_SERIES = tuple(
    (_harmonic(k) + _harmonic(k + 1) - 2.0 * _EULER) / (2.0 * factorial(k) * factorial(k + 1))
    for k in range(10, -1, -1)
)
# sqrt(x) exp(-x) I(x) in t = 16/x - 1, x >= 8
_I0_LARGE = (
    -6.067631570602082e-11, -2.0260604287414417e-11, 4.5770876316430635e-10, 1.527920269498204e-10,
    -1.6189806836245337e-09, -5.715843864202832e-10, 3.637954635900889e-09, 1.5200816953924414e-09,
    -5.953569438264673e-09, -3.505966530879349e-09, 7.4304646503252865e-09, 7.552583062123396e-09,
    -5.4047715675798986e-09, -1.3408917540089745e-08, -6.747657956107541e-09, 7.55469188124881e-09,
    2.1548377974791598e-08, 3.932584334552952e-08, 8.872219737904054e-08, 2.9735985885673923e-07,
    1.4838475658279249e-06, 1.1143033790932038e-05, 0.0001362160743919305, 0.0033605519836678614,
    0.4021765094450081,
)  # fmt: skip
_I1_LARGE = (
    6.305965197149121e-11, 1.8515118828853715e-11, -4.758818838703288e-10, -1.401162517977108e-10,
    1.6848984479703649e-09, 5.295625441161379e-10, -3.794670896208111e-09, -1.438725053304119e-09,
    6.242741219786225e-09, 3.4262341490078123e-09, -7.888351507861937e-09, -7.64239413436357e-09,
    5.974437608040204e-09, 1.4034238782067188e-08, 6.734464815301609e-09, -8.427766093735185e-09,
    -2.3373928208142642e-08, -4.312917729178349e-08, -1.0001288294864884e-07,
    -3.483855761044295e-07, -1.8349101326980946e-06, -1.5038547200567216e-05,
    -0.00021923576383388928, -0.009749577193235737, 0.38939845902587233,
)  # fmt: skip
# sqrt(x) exp(x) K(x) in t = (1/x - 1/4) 8/3 - 1, 1 <= x <= 4, and in t = 8/x - 1, x >= 4
_K0_MID = (
    -1.0988861141679973e-11, 2.706378181162767e-11, -1.5438565221290947e-11, 4.99624917743673e-11,
    -2.607785909863664e-10, 7.107091773416587e-10, -1.8722570918098393e-09, 5.4726890283772355e-09,
    -1.6468436603534026e-08, 5.0670793782850946e-08, -1.6129830778914997e-07, 5.346674107355433e-07,
    -1.8598355316246307e-06, 6.864751668474334e-06, -2.7321038042947764e-05, 0.00012016057318734846,
    -0.0006085023688775322, 0.003837721044303252, -0.03642826618458815, 1.1775638711923546,
)  # fmt: skip
_K0_LARGE = (
    -1.4149809972457697e-12, 3.5011699621061712e-12, -2.9526337913918584e-12, 9.834948499791565e-12,
    -4.29462363935482e-11, 1.3079446703603702e-10, -4.098960810248732e-10, 1.405482063988338e-09,
    -5.11587693551494e-09, 1.9911647612022114e-08, -8.406822369046624e-08, 3.9146386233896757e-07,
    -2.057358310384486e-06, 1.2627785531814613e-05, -9.560165252656331e-05, 0.0009853081025044876,
    -0.01726165074890735, 1.2349563891012865,
)  # fmt: skip
_K1_MID = (
    1.2713326092672661e-11, -3.1465177667942034e-11, 1.867302636542067e-11, -6.037262433771217e-11,
    3.1016817166555374e-10, -8.522345929723722e-10, 2.271578816682446e-09, -6.703793369446209e-09,
    2.0392440045682243e-08, -6.357528691814706e-08, 2.0557269665749696e-07, -6.945059553747492e-07,
    2.4738393606288724e-06, -9.415320509407648e-06, 3.9060310363239756e-05, -0.00018244281393498313,
    0.0010179892917766328, -0.007761158150166961, 0.13544104592618758, 1.5076064703310195,
)  # fmt: skip
_K1_LARGE = (
    1.5484262748549594e-12, -3.848028454997105e-12, 3.3219376082486403e-12, -1.1083087733779847e-11,
    4.819295594083451e-11, -1.4790439492528554e-10, 4.68061787200783e-10, -1.6209623782860468e-09,
    5.971509614441191e-09, -2.359319174304718e-08, 1.0153283417460939e-07, -4.848668283814935e-07,
    2.639086353805065e-06, -1.7066764311456436e-05, 0.00014094467958231026, -0.0017328662249528827,
    0.054775184736515846, 1.3099834570765034,
)  # fmt: skip
# J0/((z - a)(z - b)) and J1/(x (z - a)(z - b)) in t = 2z/25 - 1, z = x^2, x <= 5; a, b are the
# first squared zeros
_J0_ROOTS = (5.783185962946784, 30.471262343662087)
_J1_ROOTS = (14.681970642123893, 49.2184563216946)
_J0_SMALL = (
    -3.52449113008727e-16, 1.8688672744978886e-14, -8.404184719394778e-13, 3.163723989196272e-11,
    -9.781438946726354e-10, 2.428622038025423e-08, -4.70629166457061e-07, 6.854954847199373e-06,
    -7.121705240575853e-05, 0.00048768271776558413, -0.0019210870437164043, 0.0031873556303932387,
)  # fmt: skip
_J1_SMALL = (
    -1.2377862900889621e-17, 7.050885612374614e-16, -3.425082917113122e-14, 1.4012939606655873e-12,
    -4.742877795752643e-11, 1.3002918729585578e-09, -2.8111472529722005e-08, 4.625979215164964e-07,
    -5.515494459601969e-06, 4.42186880710148e-05, -0.00020932672214860176, 0.0004323698734106474,
)  # fmt: skip
# Y0 - (2/pi) log(x) J0 and (Y1 - (2/pi)(log(x) J1 - 1/x))/x, the same t
_Y0_SMALL = (
    1.166603953074689e-13, -6.04993694723965e-12, 2.6539975248625817e-10, -9.7209552080454e-09,
    2.9142206889637085e-07, -6.985504374077061e-06, 0.0001299462909208217, -0.0018028096665503853,
    0.01763534538933876, -0.11151682184328655, 0.38851639956570944, -0.47057636552972876,
    -0.4326558222855125, 0.4837248578102995,
)  # fmt: skip
_Y1_SMALL = (
    -2.397782341669183e-13, 1.1462847037754036e-11, -4.6013010745475043e-10, 1.528888444673751e-08,
    -4.1137780795312436e-07, 8.733098315276175e-06, -0.00014141835794484212, 0.0016688031328605528,
    -0.013433433740818165, 0.06634695354779145, -0.16312020358118715, 0.09108650838448443,
    0.13974939033568806,
)  # fmt: skip
# P and x Q of J = sqrt(2/(pi x)) (P cos chi - Q sin chi) in t = 50/x^2 - 1, x >= 5
_P0 = (
    1.4342144484717672e-12, -2.235391154912044e-12, -2.8395786688743523e-12, 3.415311542572876e-12,
    8.357591428468511e-12, -1.3637307914439566e-11, 1.2588002430248643e-11, -3.538662922896775e-11,
    1.0446084050144923e-10, -2.851794579729694e-10, 8.537333898998171e-10, -2.8705436149232575e-09,
    1.1058787126508455e-08, -5.08643230838394e-08, 2.9759005474711905e-07, -2.459963321484891e-06,
    3.4917305812543486e-05, -0.0013274931272004003, 0.9986347659091991,
)  # fmt: skip
_Q0 = (
    -3.2387768388689393e-12, 4.3654360757736204e-12, 1.1781243865914085e-11,
    -1.4357398193255748e-11, -2.465445517537662e-11, 2.9761039229454055e-11, 1.954313210862208e-11,
    -1.6056475557808333e-11, -4.033194093954771e-11, 6.52587672974458e-11, -9.684728180683588e-11,
    2.340473361283212e-10, -5.894142390813669e-10, 1.5282843631161895e-09, -4.293806343863444e-09,
    1.3296573119800334e-08, -4.6398035440396124e-08, 1.8870297801035574e-07, -9.409875176808848e-07,
    6.23911316965569e-06, -6.338715442546601e-05, 0.0013142139729102479, -0.12361496352611864,
)  # fmt: skip
_P1 = (
    -1.516811852611783e-12, 2.368522528186767e-12, 2.9881368885935155e-12, -3.5906738400843512e-12,
    -8.878743173627245e-12, 1.4551592853265448e-11, -1.3682028558855844e-11, 3.8451893184433864e-11,
    -1.1357643207946474e-10, 3.117737074105936e-10, -9.395751413733448e-10, 3.1849577586739448e-09,
    -1.2403215219140042e-08, 5.7916678422140156e-08, -3.4667186514153773e-07,
    2.9786211051441743e-06, -4.5782806531265707e-05, 0.002241463213917191, 1.0022906462560661,
)  # fmt: skip
_Q1 = (
    -4.588976369752685e-12, 6.349391905539588e-12, 1.5067476218657275e-11, -1.8540816446843627e-11,
    -3.1287029494776293e-11, 3.9223397372601566e-11, 1.6645096069215522e-11, -6.892050473631464e-12,
    -6.962061096202045e-11, 1.3104614308463733e-10, -2.5293791309652674e-10, 6.296749654365242e-10,
    -1.6641711306549605e-09, 4.704141826870427e-09, -1.4664229261320404e-08, 5.1641422798019427e-08,
    -2.126674090283508e-07, 1.0798853942089243e-06, -7.369927947805624e-06, 7.898094177943239e-05,
    -0.0018648496218413126, 0.3730474331740802,
)  # fmt: skip
# Ai(x) in t = -x/1.25 - 1, -2.5 <= x <= 0; exp(1.25 x) Ai(x) in t = x/1.25 - 1, 0 <= x <= 2.5
_AI_NEG = (
    4.209466798186585e-12, -1.177538636657427e-14, -1.6907064262789738e-10, -7.561272302302542e-10,
    1.4732922670967782e-09, 2.817225681637721e-08, 8.895645346078282e-08, -2.9417890843524625e-07,
    -3.1662393365987577e-06, -6.398326960790012e-06, 3.381022322142269e-05, 0.00021908363144880136,
    0.00021334123440486263, -0.0021175330025832604, -0.007977840813170357, 0.00011322954748672052,
    0.06060067671303093, 0.11095481213343497, -0.1126940179835293, -0.5078569115579095,
    -0.1738494541898972, 0.5200454774352992,
)  # fmt: skip
_AI_POS = (
    2.2564627212055075e-12, 8.084464025090556e-12, -1.3574470683893578e-10, 6.694032109915096e-11,
    4.873435202756493e-09, -1.7009325748746885e-08, -1.0660490117571724e-07, 7.812114960347445e-07,
    8.838569409321478e-07, -2.073311140844828e-05, 2.467270210918977e-05, 0.00034545309701819514,
    -0.000993752695781106, -0.003410097143723585, 0.016116124987029565, 0.016045766989170228,
    -0.13405115292114025, -0.011514997857986297, 0.4753775360738783,
)  # fmt: skip
# beyond, with zeta = 2/3 |x|^(3/2) and zeta_0 = zeta(2.5): 2 sqrt(pi) x^(1/4) exp(zeta) Ai in t = 2
# zeta_0/zeta - 1; F and zeta G of sqrt(pi) |x|^(1/4) Ai(-|x|) = F sin(zeta + pi/4) - G cos(zeta +
# pi/4) in t = 2 (zeta_0/zeta)^2 - 1
_AI_ZETA0 = 2.635231383473649
_AI_LARGE = (
    6.03266143776027e-12, -1.1318273915066389e-11, -8.406066456064532e-12, 1.0829312870489374e-11,
    5.333527160593895e-11, -1.074680056056566e-10, 1.5440608659196407e-10, -4.043342858875883e-10,
    1.1265662821178261e-09, -3.0012771161838723e-09, 8.364958613119749e-09, -2.4706972704980872e-08,
    7.755191530127697e-08, -2.616192094846608e-07, 9.634717022818024e-07, -3.958915259975408e-06,
    1.8754499067633465e-05, -0.00010805970686417936, 0.0008368238613543791, -0.011074922492599632,
    0.9879561399645932,
)  # fmt: skip
_AI_F = (
    -1.0795540421028083e-08, 1.0004003796411217e-08, 7.429287796992793e-08, -6.61471054172278e-08,
    -2.3340012311231817e-07, 1.9932812900603158e-07, 4.4032702872637283e-07,
    -3.5937887927737967e-07, -5.548888519218323e-07, 4.309396037547026e-07, 4.912030680885789e-07,
    -3.607034750829685e-07, -3.1404695704277396e-07, 2.1684874542831525e-07, 1.4521152079396466e-07,
    -9.254120642568091e-08, -5.1038900450690785e-08, 3.189688167708213e-08, 7.258823517059686e-09,
    1.7648654966456769e-09, -1.6650551956357578e-08, 2.8272655076569903e-08, -5.33669750595169e-08,
    1.1151656776169808e-07, -2.50070281613486e-07, 6.148192818459438e-07, -1.7087518157111609e-06,
    5.627295721228975e-06, -2.3839073155928167e-05, 0.0001530700458943665, -0.002257370248042598,
    0.9975572920004401,
)  # fmt: skip
_AI_G = (
    3.234726792222322e-07, -2.73594727280473e-07, -3.0017545318161634e-06, 2.4677475401422848e-06,
    1.2920013203570224e-05, -1.0306146772779901e-05, -3.4194633247715324e-05, 2.641038946187022e-05,
    6.22248321920208e-05, -4.641596105626281e-05, -8.248610224526058e-05, 5.9248631968805736e-05,
    8.234836861641988e-05, -5.675800521066834e-05, -6.313639125467727e-05, 4.1584217068109385e-05,
    3.757605558724535e-05, -2.3534633183862173e-05, -1.7431481353600943e-05, 1.0320101256261106e-05,
    6.296888521960434e-06, -3.5000820286456832e-06, -1.7563810722519622e-06, 9.055483880542894e-07,
    3.810974829141956e-07, -1.8715196543080618e-07, -4.665277933165658e-08, 3.981840653666312e-09,
    4.3693721909259814e-08, -6.575745460432819e-08, 1.1195473364951377e-07, -2.094913765902479e-07,
    4.114032064211969e-07, -8.595938649771785e-07, 1.944050376720149e-06, -4.871715085683785e-06,
    1.4027547199126156e-05, -4.93155358901226e-05, 0.0002371178452537073, -0.0020068107277150297,
    0.06712860283934617,
)  # fmt: skip


def _i_small(x: np.ndarray, order: int) -> np.ndarray:
    z = np.square(0.5 * x)
    return 0.5 * x * horner(z, _I1_SERIES) if order else horner(z, _I0_SERIES)


def _i_large_scaled(x: np.ndarray, order: int) -> np.ndarray:
    return horner(16.0 / x - 1.0, _I1_LARGE if order else _I0_LARGE) / np.sqrt(x)


def _i_large(x: np.ndarray, order: int) -> np.ndarray:
    half = np.exp(0.5 * x)  # exp(x) overflows before I(x) does
    return half * (_i_large_scaled(x, order) * half)


def _modified_i(x: np.ndarray, order: int, scaled: bool) -> np.ndarray:
    a = np.abs(x)
    out = np.full_like(x, np.nan)
    if scaled:
        fill(out, a <= 8.0, lambda v: np.exp(-v) * _i_small(v, order), a)
        fill(out, a > 8.0, lambda v: _i_large_scaled(v, order), a)
    else:
        fill(out, a <= 8.0, lambda v: _i_small(v, order), a)
        fill(out, a > 8.0, lambda v: _i_large(v, order), a)
    return np.copysign(out, x) if order else out


def _k_small(x: np.ndarray, order: int) -> np.ndarray:
    """0 < x <= 1."""
    z = np.square(0.5 * x)
    log_half = np.log(0.5 * x)
    log_half[x < 1e-300] = np.log(x[x < 1e-300]) - 0.6931471805599453  # half a subnormal loses bits
    if order:
        return 1.0 / x + log_half * _i_small(x, 1) - 0.5 * x * horner(z, _K1_SERIES)
    return horner(z, _K0_SERIES) - (log_half + _EULER) * _i_small(x, 0)


def _k_scaled(x: np.ndarray, order: int) -> np.ndarray:
    """exp(x) K(x) for x > 1."""
    out = np.empty_like(x)
    mid, large = (_K1_MID, _K1_LARGE) if order else (_K0_MID, _K0_LARGE)
    fill(out, x <= 4.0, lambda v: horner((1.0 / v - 0.25) * (8.0 / 3.0) - 1.0, mid) / np.sqrt(v), x)
    fill(out, x > 4.0, lambda v: horner(8.0 / v - 1.0, large) / np.sqrt(v), x)
    return out


def _modified_k(x: np.ndarray, order: int, scaled: bool) -> np.ndarray:
    out = np.where(x == 0.0, np.inf, np.nan)
    if scaled:
        fill(out, (x > 0.0) & (x <= 1.0), lambda v: np.exp(v) * _k_small(v, order), x)
        fill(out, x > 1.0, lambda v: _k_scaled(v, order), x)
    else:
        fill(out, (x > 0.0) & (x <= 1.0), lambda v: _k_small(v, order), x)
        fill(out, x > 1.0, lambda v: np.exp(-v) * _k_scaled(v, order), x)
    return out


def _j_small(x: np.ndarray, order: int) -> np.ndarray:
    z = x * x
    a, b = _J1_ROOTS if order else _J0_ROOTS
    out = (z - a) * (z - b) * horner(0.08 * z - 1.0, _J1_SMALL if order else _J0_SMALL)
    return x * out if order else out


def _y_small(x: np.ndarray, order: int) -> np.ndarray:
    t = 0.08 * x * x - 1.0
    if order:
        return x * horner(t, _Y1_SMALL) + _TWO_OVER_PI * (np.log(x) * _j_small(x, 1) - 1.0 / x)
    return horner(t, _Y0_SMALL) + _TWO_OVER_PI * np.log(x) * _j_small(x, 0)


def _oscillating(x: np.ndarray, order: int, second: bool) -> np.ndarray:
    """J or Y for x > 5; chi = x - pi/4 - order pi/2 is never formed, as it would lose bits."""
    t = 50.0 / np.square(x) - 1.0
    p = horner(t, _P1 if order else _P0)
    q = horner(t, _Q1 if order else _Q0) / x
    sin, cos = np.sin(x), np.cos(x)
    c, s = (sin - cos, -sin - cos) if order else (sin + cos, sin - cos)
    return (p * s + q * c if second else p * c - q * s) * (_INV_SQRT_PI / np.sqrt(x))


def _bessel_j(x: np.ndarray, order: int) -> np.ndarray:
    a = np.abs(x)
    out = np.full_like(x, np.nan)
    fill(out, a <= 5.0, lambda v: _j_small(v, order), a)
    fill(out, a > 5.0, lambda v: _oscillating(v, order, False), a)
    return np.where(np.signbit(x), -out, out) if order else out


def _bessel_y(x: np.ndarray, order: int) -> np.ndarray:
    out = np.where(x == 0.0, -np.inf, np.nan)
    fill(out, (x > 0.0) & (x <= 5.0), lambda v: _y_small(v, order), x)
    fill(out, x > 5.0, lambda v: _oscillating(v, order, True), x)
    return out


def _airy_large(x: np.ndarray) -> np.ndarray:
    root = np.sqrt(x)
    z = x * root * (2.0 / 3.0)
    return (
        0.5
        * _INV_SQRT_PI
        * np.exp(-z)
        * horner(2.0 * _AI_ZETA0 / z - 1.0, _AI_LARGE)
        / np.sqrt(root)
    )


def _airy_oscillating(a: np.ndarray) -> np.ndarray:
    root = np.sqrt(a)
    z = a * root * (2.0 / 3.0)
    t = 2.0 * np.square(_AI_ZETA0 / z) - 1.0
    f, g = horner(t, _AI_F), horner(t, _AI_G) / z
    sin, cos = np.sin(z), np.cos(z)  # sin(z + pi/4) and cos(z + pi/4) times sqrt 2
    return ((sin + cos) * f - (cos - sin) * g) * (_INV_SQRT_PI * 0.7071067811865476) / np.sqrt(root)


def _airy(x: np.ndarray) -> np.ndarray:
    out = np.full_like(x, np.nan)
    fill(out, (x >= -2.5) & (x <= 0.0), lambda v: horner(v * -0.8 - 1.0, _AI_NEG), x)
    fill(
        out, (x > 0.0) & (x <= 2.5), lambda v: np.exp(-1.25 * v) * horner(0.8 * v - 1.0, _AI_POS), x
    )
    fill(out, (x > 2.5) & (x < np.inf), _airy_large, x)
    fill(out, x < -2.5, lambda v: _airy_oscillating(-v), x)
    return out


def _spherical_j0(x: np.ndarray) -> np.ndarray:
    out = np.sin(x) / x
    out[x == 0.0] = 1.0
    out[np.isinf(x)] = 0.0
    return out


def i0(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the first kind, order 0; NaN at infinity, as torch.

    >>> i0(np.array([0.0, 1.0])).round(12).tolist()
    [1.0, 1.266065877752]
    """
    return map_blocks(lambda v: _modified_i(v, 0, False), x)


def i0e(x: np.ndarray) -> np.ndarray:
    """Return exp(-|x|) i0(x).

    >>> i0e(np.array([0.0])).tolist()
    [1.0]
    """
    return map_blocks(lambda v: _modified_i(v, 0, True), x)


def i1(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the first kind, order 1.

    >>> i1(np.array([1.0])).round(12).tolist()
    [0.565159103992]
    """
    return map_blocks(lambda v: _modified_i(v, 1, False), x)


def i1e(x: np.ndarray) -> np.ndarray:
    """Return exp(-|x|) i1(x).

    >>> i1e(np.array([0.0])).tolist()
    [0.0]
    """
    return map_blocks(lambda v: _modified_i(v, 1, True), x)


modified_bessel_i0 = i0
modified_bessel_i1 = i1


def modified_bessel_k0(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the second kind, order 0; inf at 0, NaN below.

    >>> modified_bessel_k0(np.array([1.0])).round(12).tolist()
    [0.421024438241]
    """
    return map_blocks(lambda v: _modified_k(v, 0, False), x)


def modified_bessel_k1(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the second kind, order 1; inf at 0, NaN below.

    >>> modified_bessel_k1(np.array([1.0])).round(12).tolist()
    [0.601907230197]
    """
    return map_blocks(lambda v: _modified_k(v, 1, False), x)


def scaled_modified_bessel_k0(x: np.ndarray) -> np.ndarray:
    """Return exp(x) modified_bessel_k0(x).

    >>> scaled_modified_bessel_k0(np.array([1.0])).round(12).tolist()
    [1.144463079807]
    """
    return map_blocks(lambda v: _modified_k(v, 0, True), x)


def scaled_modified_bessel_k1(x: np.ndarray) -> np.ndarray:
    """Return exp(x) modified_bessel_k1(x).

    >>> scaled_modified_bessel_k1(np.array([1.0])).round(12).tolist()
    [1.636153486263]
    """
    return map_blocks(lambda v: _modified_k(v, 1, True), x)


def bessel_j0(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind, order 0.

    >>> bessel_j0(np.array([1.0])).round(12).tolist()
    [0.765197686558]
    """
    return map_blocks(lambda v: _bessel_j(v, 0), x)


def bessel_j1(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind, order 1.

    >>> bessel_j1(np.array([1.0])).round(12).tolist()
    [0.440050585745]
    """
    return map_blocks(lambda v: _bessel_j(v, 1), x)


def bessel_y0(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the second kind, order 0; -inf at 0, NaN below.

    >>> bessel_y0(np.array([1.0])).round(12).tolist()
    [0.088256964216]
    """
    return map_blocks(lambda v: _bessel_y(v, 0), x)


def bessel_y1(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the second kind, order 1; -inf at 0, NaN below.

    >>> bessel_y1(np.array([1.0])).round(12).tolist()
    [-0.7812128213]
    """
    return map_blocks(lambda v: _bessel_y(v, 1), x)


def spherical_bessel_j0(x: np.ndarray) -> np.ndarray:
    """Return sin(x)/x; 1 at 0 and 0 at infinity.

    >>> spherical_bessel_j0(np.array([0.0])).tolist()
    [1.0]
    """
    return map_blocks(_spherical_j0, x)


def airy_ai(x: np.ndarray) -> np.ndarray:
    """Return Airy's function Ai; NaN at both infinities, as torch.

    >>> airy_ai(np.array([0.0])).round(12).tolist()
    [0.355028053888]
    """
    return map_blocks(_airy, x)
