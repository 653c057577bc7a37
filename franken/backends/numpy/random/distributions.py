"""Samplers that draw the numbers torch draws on CPU from the same generator state.

They take a `rng.Generator` and return NumPy arrays; no tensor is known here. Every formula was
found by comparison with torch 2.13's output. Values come in memory order: torch fills a strided
tensor in the order of its memory, not of its indices. Samplers that reject live in
`rng_sequential`, the rounding of elementary functions in `rng_math`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from franken.backends.numpy.halves import COMPLEX_KINDS
from franken.backends.numpy.random.formulas import (
    BFLOAT16,
    HALVES,
    box_muller_f32,
    box_muller_f64,
    cast,
    exp_or_inf,
    fma32,
    fma64,
    libm,
    log_or_inf,
    narrowed,
)
from franken.backends.numpy.random.twister import Generator

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


Shape = Sequence[int]

# dtype -> (name in "not implemented for", C++ name in range errors, digits of its uniform integers)
_NAMES: dict[str, tuple[str, str, int]] = {
    "bool": ("Bool", "bool", 1),
    "uint8": ("Byte", "unsigned char", 8),
    "int8": ("Char", "signed char", 7),
    "int16": ("Short", "short int", 15),
    "int32": ("Int", "int", 31),
    "int64": ("Long", "long int", 63),
    "float16": ("Half", "c10::Half", 11),
    "bfloat16": ("BFloat16", "c10::BFloat16", 8),
    "float32": ("Float", "float", 24),
    "float64": ("Double", "double", 53),
}
# Drawn from only where both bounds are given; the names are C++'s.
_UNSIGNED = {
    "uint16": "short unsigned int", "uint32": "unsigned int", "uint64": "long unsigned int",
}  # fmt: skip
_OTHER_NAMES = {
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "complex32": "ComplexHalf",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "float8_e4m3fn": "Float8_e4m3fn",
    "float8_e5m2": "Float8_e5m2",
}
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": (2 - 2.0**-52) * 2.0**1023,
}
_FLOATING = ("float16", "bfloat16", "float32", "float64")
_WIDE_RANGE = 1 << 28  # from here on torch takes a 64-bit word per integer


def torch_name(dtype: np.dtype[Any]) -> str:
    """Return the name torch prints for a dtype in "not implemented for" errors."""
    known = _NAMES.get(dtype.name)
    return known[0] if known else _OTHER_NAMES.get(dtype.name, dtype.name)


def require(kernel: str, dtype: np.dtype[Any], supported: Sequence[str]) -> None:
    """Raise torch's NotImplementedError unless the kernel takes the dtype."""
    if dtype.name not in supported:
        raise NotImplementedError(f'"{kernel}" not implemented for {torch_name(dtype)!r}')


def _count(shape: Shape) -> int:
    return math.prod(shape)


def _real_view(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"f{dtype.itemsize // 2}")


# ---------------------------------------------------------------- uniform


def uniform(
    gen: Generator, shape: Shape, dtype: DTypeLike = np.float32, low: float = 0.0, high: float = 1.0
) -> Array:
    """Draw from [low, high); complex dtypes draw both parts so.

    >>> uniform(Generator().manual_seed(0), (2,)).tolist()
    [0.49625658988952637, 0.7682217955589294]
    """
    dtype = np.dtype(dtype)
    if dtype.kind in COMPLEX_KINDS:
        parts = uniform(gen, (*shape, 2), _real_view(dtype), low, high)
        return parts.view(dtype)[..., 0]
    require("check_uniform_bounds", dtype, _FLOATING)
    _check_uniform(dtype, low, high)
    if dtype == np.float64:
        values: Array = gen.doubles(_count(shape))
        if (low, high) != (0.0, 1.0):
            values = fma64(values, high - low, low)
    else:
        values = gen.floats(_count(shape))
        if (low, high) != (0.0, 1.0):
            bottom, top = np.float32(low), np.float32(high)
            values = fma32(values, top - bottom, bottom)
    return _half_open(cast(values, dtype), dtype, low, high).reshape(shape)


def _half_open(values: Array, dtype: np.dtype[Any], low: float, high: float) -> Array:
    """Replace what rounding has moved to `high` by `low`."""
    if dtype in HALVES or (low, high) != (0.0, 1.0):
        values[values == np.array(high).astype(dtype)] = np.array(low).astype(dtype)
    return values


def _check_uniform(dtype: np.dtype[Any], low: float, high: float) -> None:
    largest = _value_range(dtype)[1]
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_NAMES[dtype.name][1]}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > largest:
        raise RuntimeError(
            "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found "
            f"to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )


# ---------------------------------------------------------------- normal


def normal(
    gen: Generator,
    shape: Shape,
    dtype: DTypeLike = np.float32,
    mean: float = 0.0,
    std: float = 1.0,
    contiguous: bool = True,
) -> Array:
    """Draw from N(mean, std**2); `contiguous` says whether the torch tensor filled would be.

    16 or more contiguous elements go through blocks of eight pairs, others through scalar pairs
    in float64, the second of which waits in the generator. Complex dtypes draw both parts with
    std / sqrt(2) and `mean`.

    >>> normal(Generator().manual_seed(0), (2,)).tolist()
    [1.5409960746765137, -0.293428897857666]
    """
    dtype = np.dtype(dtype)
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.kind in COMPLEX_KINDS:
        real = _real_view(dtype)
        parts = normal(gen, (*shape, 2), real, mean, std / math.sqrt(2.0), contiguous)
        return parts.view(dtype)[..., 0]
    require("normal_kernel_cpu", dtype, _FLOATING)
    n = _count(shape)
    if n < 16 or not contiguous:
        pairs = scalar_normals(gen, n)
        return cast(fma64(pairs, std, mean), dtype).reshape(shape)
    if dtype == np.float64:
        values: Array = _affine64(box_muller_f64(_block_uniforms64(gen, n)), mean, std)
    else:
        keep_tail = dtype not in HALVES
        values = _affine32(box_muller_f32(_block_uniforms32(gen, n, keep_tail)), mean, std)
    return cast(_fold_tail(values, n), dtype).reshape(shape)


def _affine32(values: NDArray[np.float32], mean: float, std: float) -> NDArray[np.float32]:
    if mean == 0.0:
        if std != 1.0:
            values *= np.float32(std)
        values += np.float32(0)  # as in the fused form, no negative zero remains
        return values
    return fma32(values, np.float32(std), np.float32(mean))


def _affine64(values: NDArray[np.float64], mean: float, std: float) -> NDArray[np.float64]:
    if mean == 0.0:
        values *= std
        values += 0.0
        return values
    return fma64(values, std, mean)


def _block_uniforms32(gen: Generator, n: int, keep_tail: bool) -> NDArray[np.float32]:
    """Draw whole blocks; a last partial block is followed by one fresh block (see `_fold_tail`).

    float32 draws words for the partial block too before it is overwritten; the halves do not.
    """
    tail = n % 16
    if not tail:
        return gen.floats(n)
    drawn = gen.floats(n + 16 if keep_tail else n - tail + 16)
    return np.concatenate([drawn[: n - tail], drawn[-16:]])


def _block_uniforms64(gen: Generator, n: int) -> NDArray[np.float64]:
    tail = n % 16
    if not tail:
        return gen.doubles(n)
    drawn = gen.doubles(n + 16)
    return np.concatenate([drawn[: n - tail], drawn[-16:]])


def _fold_tail(values: Array, n: int) -> Array:
    """Let the fresh block after a partial one overwrite the last 16 of n elements."""
    if n % 16 == 0:
        return values
    out = values[:n].copy()
    out[-16:] = values[-16:]
    return out


def scalar_normals(gen: Generator, n: int) -> NDArray[np.float64]:
    """Draw n standard normals one Box-Muller pair at a time, starting with the one that waits."""
    with gen.lock:
        waiting = [] if gen.next_normal is None or n == 0 else [gen.next_normal]
        fresh = n - len(waiting)
        u = gen.doubles(fresh + fresh % 2)
        radius = np.sqrt(-2.0 * libm(math.log1p, -u[1::2]))
        angle = (2.0 * math.pi) * u[0::2]
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
        if n:
            gen.next_normal = float(pairs[-1]) if fresh % 2 else None
    return np.concatenate([np.array(waiting, np.float64), pairs[:fresh]])


def normal_tensor(
    gen: Generator, mean: Array | float, std: Array | float, dtype: DTypeLike | None = None
) -> Array:
    """Draw one normal per element of the broadcast of `mean` and `std`, one of them an array.

    `dtype` is the output's; by default that of `mean`, or of `std` where `mean` is a number.

    >>> normal_tensor(Generator().manual_seed(0), np.zeros(2), np.ones(2)).shape
    (2,)
    """
    if isinstance(std, np.ndarray):
        if std.dtype.kind in COMPLEX_KINDS:
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if not bool((std >= 0).all()):
            raise RuntimeError("normal expects all elements of std >= 0.0")
    source = mean if isinstance(mean, np.ndarray) else np.asarray(std)
    dtype = source.dtype if dtype is None else np.dtype(dtype)
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
    if not isinstance(std, np.ndarray):  # torch draws with the number, then adds the mean
        return cast(normal(gen, shape, dtype, 0.0, std) + mean, dtype)
    draws = normal(gen, shape, dtype)
    scaled = cast(draws * std.astype(dtype), dtype)
    addend = mean.astype(dtype) if isinstance(mean, np.ndarray) else np.array(mean, dtype)
    return cast(scaled + addend, dtype)


def log_normal(
    gen: Generator, shape: Shape, dtype: DTypeLike = np.float32, mean: float = 1.0, std: float = 2.0
) -> Array:
    """Draw exp of N(mean, std**2), always from scalar pairs."""
    dtype = np.dtype(dtype)
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    require("log_normal_cpu", dtype, _FLOATING)
    exponents = fma64(scalar_normals(gen, _count(shape)), std, mean)
    return narrowed(np.exp, lambda x: libm(exp_or_inf, x), exponents, dtype, 0.0).reshape(shape)


# ---------------------------------------------------------------- inverse transforms


def exponential(
    gen: Generator, shape: Shape, dtype: DTypeLike = np.float32, lambd: float = 1.0
) -> Array:
    """Draw exponential variates of rate `lambd`: -log1p(-u) / lambd.

    >>> bool((exponential(Generator(), (5,)) >= 0).all())
    True
    """
    dtype = np.dtype(dtype)
    if dtype.name in _NAMES and dtype.name not in _FLOATING or dtype.kind in COMPLEX_KINDS:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {torch_name(dtype)}"
        )
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    require("exponential_cpu", dtype, _FLOATING)
    scale = -1.0 / lambd
    values = narrowed(
        lambda u: scale * np.log1p(-u),
        lambda u: scale * libm(math.log1p, -u),
        gen.doubles(_count(shape)),
        dtype,
        0.0,
    )
    return values.reshape(shape)


def geometric(gen: Generator, shape: Shape, dtype: DTypeLike, p: float) -> Array:
    """Draw the number of trials up to the first success: ceil(log(u) / log1p(-p))."""
    dtype = np.dtype(dtype)
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    require("geometric_cpu", dtype, [name for name in _NAMES if name != "bool"])
    u = gen.doubles(_count(shape))
    divisor = math.log1p(-p)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(u) / divisor
        near = np.flatnonzero(np.abs(ratio - np.rint(ratio)) <= 1e-12 * (np.abs(ratio) + 1))
    ratio[near] = libm(log_or_inf, u[near]) / divisor  # only there could the ceiling differ
    trials = np.ceil(ratio)
    return (cast(trials, dtype) if dtype.kind != "i" and dtype.kind != "u"
            else _to_integer(trials, dtype)).reshape(shape)  # fmt: skip


def _to_integer(values: NDArray[np.float64], dtype: np.dtype[Any]) -> Array:
    """Convert like x86: out of range gives the least int32 or int64, then the low bits."""
    width = 63 if dtype.itemsize == 8 else 31
    inside = np.abs(values) < 2.0**width
    whole = np.where(inside, values, 0.0).astype(np.int64)
    whole[~inside] = -(1 << width)
    return whole.astype(dtype)


def cauchy(
    gen: Generator,
    shape: Shape,
    dtype: DTypeLike = np.float32,
    median: float = 0.0,
    sigma: float = 1.0,
) -> Array:
    """Draw median + sigma * tan(pi * (u - 1/2))."""
    dtype = np.dtype(dtype)
    if dtype.name not in _FLOATING and dtype.kind != "V":
        name = _NAMES[dtype.name][1] if dtype.name in _NAMES else dtype.name
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {name}"
        )
    require("cauchy_cpu", dtype, _FLOATING)
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    values = narrowed(
        lambda u: median + sigma * np.tan(math.pi * (u - 0.5)),
        lambda u: fma64(libm(math.tan, math.pi * (u - 0.5)), sigma, median),
        gen.doubles(_count(shape)),
        dtype,
        abs(median),
    )
    return values.reshape(shape)


# ---------------------------------------------------------------- integers


def random_(gen: Generator, shape: Shape, dtype: DTypeLike) -> Array:
    """Draw integers over the full range: [0, max] of an integer dtype, [0, 2**digits] of a float.

    >>> random_(Generator().manual_seed(0), (2,), np.int8).tolist()
    [44, 47]
    """
    dtype = np.dtype(dtype)
    require("random_kernel_cpu", dtype, list(_NAMES))
    digits = _NAMES[dtype.name][2]
    size = (1 << digits) + (dtype.name in _FLOATING)
    # Here the width of the type, not of the range, chooses the word.
    wide = dtype.itemsize == 8
    return _integers(gen, _count(shape), dtype, 0, size, wide).reshape(shape)


def randint(gen: Generator, shape: Shape, dtype: DTypeLike, low: int, high: int | None) -> Array:
    """Draw integers of [low, high), or from `low` to the dtype's largest where `high` is None.

    >>> randint(Generator().manual_seed(0), (3,), np.int64, 0, 10).tolist()
    [4, 9, 3]
    """
    dtype = np.dtype(dtype)
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    known = dtype.name in _NAMES or dtype.name in _UNSIGNED
    if high is None and low == -(1 << 63):
        _check_full_range(dtype)
        return cast(gen.words64(_count(shape)).view(np.int64), dtype).reshape(shape)
    if not known:
        what = "random_from_to_impl" if high is None else "check_random_bounds"
        raise RuntimeError(f"{what} handles only integral, floating-point and boolean types")
    stop = _largest_integer(dtype) + 1 if high is None else high
    if dtype.name in _FLOATING:
        low, stop = _representable_bounds(dtype, low, stop)
        if low >= stop:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                f"but got from={low} >= to={stop}"
            )
    _check_integer_bounds(dtype, low, stop - 1)
    _warn_of_gaps(dtype, low, stop - 1)
    span = stop - low
    return _integers(gen, _count(shape), dtype, low, span, span >= _WIDE_RANGE).reshape(shape)


def _integers(
    gen: Generator, n: int, dtype: np.dtype[Any], low: int, span: int, wide: bool
) -> Array:
    if wide:
        words = gen.words64(n)
        if span < 1 << 64:  # the whole range of int64 takes the words as they are
            words %= np.uint64(span)
            words += np.uint64(low % 2**64)  # modulo 2**64, as two's complement
        return cast(words.view(np.int64), dtype)
    offsets = gen.words(n)
    offsets %= np.uint32(span)
    if low or dtype.name in _FLOATING:
        return cast(offsets.astype(np.int64) + low, dtype)
    return offsets.astype(dtype)


def _check_full_range(dtype: np.dtype[Any]) -> None:
    name = "random_full_64_bits_range_kernel_cpu"
    if dtype.name in ("uint8", "int8", "int16", "int32"):
        raise RuntimeError(f"{name} handles only int64, double, float and bfloat16")
    require(name, dtype, ["int64", "float64", "float32", "bfloat16"])


def _warn_of_gaps(dtype: np.dtype[Any], first: int, last: int) -> None:
    """Warn as torch does of whole numbers that a float dtype leaves out."""
    if dtype.name not in _FLOATING:
        return
    _, cpp, digits = _NAMES[dtype.name]
    for name, bound in (("from", first), ("to - 1", last)):
        if not -(1 << digits) <= bound <= 1 << digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {cpp} can support discrete uniform distribution only within this "
                "range. This warning will become an error in version 1.7 release, please fix the "
                "code in advance",
                stacklevel=12,
            )


def _largest_integer(dtype: np.dtype[Any]) -> int:
    if dtype.name in _UNSIGNED:
        return int(np.iinfo(dtype).max)
    digits = _NAMES[dtype.name][2]
    return 1 << digits if dtype.name in _FLOATING else (1 << digits) - 1


def _value_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype == np.bool_:
        return 0, 1
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)
    largest = _LARGEST[dtype.name]
    return -largest, largest


def _check_integer_bounds(dtype: np.dtype[Any], first: int, last: int) -> None:
    lowest, highest = _value_range(dtype)
    for name, bound in (("from", first), ("to - 1", last)):
        if not lowest <= bound <= highest:
            cpp = _UNSIGNED.get(dtype.name) or _NAMES[dtype.name][1]
            raise RuntimeError(f"{name} is out of bounds for {cpp}")


def _rounded(value: int, dtype: np.dtype[Any]) -> float:
    with np.errstate(over="ignore"):
        return float(cast(np.array([value], np.float64), dtype)[0])


def _representable_bounds(dtype: np.dtype[Any], low: int, stop: int) -> tuple[int, int]:
    """Move bounds that rounding to the float dtype would carry outside [low, stop) inwards."""
    digits = _NAMES[dtype.name][2]
    first = _rounded(low + 1, dtype)
    if math.isfinite(first) and first < low:
        low = int(first) + _spacing(low + 1, digits)
    last = _rounded(stop - 1, dtype)
    # Torch converts to int64, where 2**63 wraps around and so never exceeds the bound.
    if stop <= last < 2.0**63:
        stop = int(last) - _spacing(stop - 1, digits)
    return low, stop


def _spacing(value: int, digits: int) -> int:
    return 1 << max(abs(value).bit_length() - digits, 0)


def randperm(gen: Generator, n: int, dtype: DTypeLike = np.int64) -> Array:
    """Shuffle 0..n-1 by Fisher and Yates from the front, one word modulo the rest per step.

    >>> randperm(Generator().manual_seed(0), 4).tolist()
    [0, 1, 3, 2]
    """
    dtype = np.dtype(dtype)
    _check_randperm(n, dtype)
    # the remainders of n - 1 steps over shrinking ranges, as absolute positions
    start = np.arange(max(n - 1, 0), dtype=np.int64)
    targets = gen.words(len(start)).astype(np.int64) % (n - start) + start
    order = np.arange(n, dtype=np.int64)
    _swap(order, targets)
    return cast(order, dtype)


def _swap(order: NDArray[np.int64], targets: NDArray[np.int64]) -> None:
    """Exchange element i with element targets[i] >= i for each i in turn.

    Swaps of distinct places commute, so that runs short enough to be mostly free of collisions
    go as one exchange of arrays (a million: 0.17 s, against 0.82 s one by one).
    """
    cells, n, i = order.data, len(order), 0
    while n - i > 4096:
        k = i + math.isqrt(n - i) // 3
        run = targets[i:k]
        if _distinct(run, i, k):
            moved = order[run]
            order[run] = order[i:k]
            order[i:k] = moved
        else:
            _swap_in_turn(cells, i, run)
        i = k
    _swap_in_turn(cells, i, targets[i:])


def _distinct(run: NDArray[np.int64], i: int, k: int) -> bool:
    ranked = np.sort(run)
    if (ranked[1:] == ranked[:-1]).any():
        return False
    near = np.flatnonzero(run < k)  # a target inside the run must be the step's own place
    return bool((run[near] == near + i).all())


def _swap_in_turn(cells: memoryview, i: int, run: NDArray[np.int64]) -> None:
    for step, target in enumerate(run.tolist(), i):
        cells[step], cells[target] = cells[target], cells[step]


def _check_randperm(n: int, dtype: np.dtype[Any]) -> None:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind in "iu" and n - 1 > np.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")
    require("randperm", dtype, [name for name in _NAMES if name != "bool"])
    if dtype == np.float16 and n > 2049:
        raise RuntimeError("n cannot be greater than 2049 for Half type.")
    if dtype == np.float32 and n > (1 << 24) + 1:
        raise RuntimeError("n cannot be greater than 2^24+1 for Float type.")
    if n >= 0xFFFFFFFF // 20:
        raise NotImplementedError(f"randperm: expected n < {0xFFFFFFFF // 20}, got {n}")


# ---------------------------------------------------------------- coins


def bernoulli(
    gen: Generator, p: Array | float, shape: Shape | None = None, dtype: DTypeLike | None = None
) -> Array:
    """Draw ones with probability p: a number (needs shape and dtype) or an array of them.

    A number or float64 array is compared with 53-bit uniforms, any other array with 24-bit ones.

    >>> bernoulli(Generator().manual_seed(0), 1.0, (3,), np.int64).tolist()
    [1, 1, 1]
    """
    if not isinstance(p, np.ndarray):
        if not 0.0 <= p <= 1.0:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        shape = () if shape is None else shape
        dtype = np.dtype(np.float32 if dtype is None else dtype)
        require("bernoulli_scalar_cpu_", dtype, list(_NAMES))
        return (gen.doubles(_count(shape)) < p).astype(dtype).reshape(shape)
    shape = p.shape if shape is None else shape
    dtype = p.dtype if dtype is None else np.dtype(dtype)
    require("bernoulli_tensor_cpu_p_", p.dtype, _FLOATING)
    require("bernoulli_tensor_cpu_self_", dtype, list(_NAMES))
    chances = np.broadcast_to(p, shape)
    if not bool(((chances >= 0) & (chances <= 1)).all()):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    if p.dtype == np.float64:
        return (gen.doubles(chances.size).reshape(shape) < chances).astype(dtype)
    return (gen.floats(chances.size).reshape(shape) < chances.astype(np.float32)).astype(dtype)


def dropout_mask(gen: Generator, shape: Shape, p: float, dtype: DTypeLike = np.bool_) -> Array:
    """Draw the elements that dropout keeps; p of 0 or 1 draws nothing from the generator.

    >>> int(dropout_mask(Generator(), (4,), 0.0).sum())
    4
    """
    if not 0.0 <= p <= 1.0:
        kind = RuntimeError if math.isnan(p) else ValueError
        raise kind(f"dropout probability has to be between 0 and 1, but got {p}")
    if p in {0.0, 1.0}:
        return np.full(shape, 1 - p, np.float64).astype(dtype)
    return bernoulli(gen, 1.0 - p, shape, dtype)


def rrelu_slopes(
    gen: Generator,
    n: int,
    dtype: DTypeLike,
    lower: float,
    upper: float,
) -> Array:
    """Draw the slopes of rrelu in training, one for each of the n elements that are <= 0."""
    dtype = np.dtype(dtype)
    require("rrelu_with_noise_out_cpu", dtype, ("float32", "float64", BFLOAT16.name))
    if dtype != np.float64:
        lower, upper = float(np.float32(lower)), float(np.float32(upper))
    return cast(gen.doubles(n) * (upper - lower) + lower, dtype)
