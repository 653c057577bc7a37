"""Random ops: samplers as primitives, with torch's numbers for torch's seed on the CPU.

Knows which sampler serves which op and what vmap's `randomness` means for it; the samplers
themselves know no tensor. Filling goes in the order of memory, as in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.random import distributions as rng_distributions
from franken.backends.numpy.random import sequential as rng_sequential
from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.batching import spread
from franken.core.calls.out import Into, write_made
from franken.core.device import CPU
from franken.core.errors import MissingKernel
from franken.core.geometry.arrange import placed
from franken.core.geometry.memory import element_strides
from franken.core.geometry.shapes import broadcast_two
from franken.core.geometry.strides import axes_by_stride, preserved_strides
from franken.core.linear import zeros as plain_zeros
from franken.core.op import op
from franken.core.primitive import Primitive, bind
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, created, created_like, filled_at_random
from franken.ops.sampling.generator import core_of
from franken.ops.shape.join import stack
from franken.ops.surface.args import (
    as_device,
    as_dtype,
    as_sizes,
    check_options,
    integer,
    kind_name,
    number,
    refuse_negative,
)
from franken.ops.surface.creation import require_grad

_ERROR = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)
_SAME_BATCHED = (
    "Vmap does not currently support same randomness with a batched tensor input. Please rewrite "
    "your code to not use same randomness with a batched tensor input, or use randomness="
    "'different'."
)
_DIFFERENT_INPLACE = (
    "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear "
    "like same randomness. If this is necessary for your usage, please file an issue with "
    "functorch."
)


# --- primitives ----------------------------------------------------------------------------------


def _on_gpu(name: str) -> Any:
    """The counter-stream kernel of a random op, re-made for the GPU's library at first use."""

    def kernel(*arrays: Any, **params: Any) -> Any:
        from franken.backends import registry
        from franken.backends.numpy.random.counter import KERNELS

        if name not in KERNELS:
            raise MissingKernel(name, "cuda", hint="draw it on the CPU and move it")
        return registry.rebound(KERNELS[name])(*arrays, **params)

    return kernel


def _random(
    name: str, inputs: tuple[str, ...], kernel: Any, rule: Any, meta: Any = rules.laid_as
) -> Primitive:
    prim = Primitive(name, inputs, kernel, batch=rule, random=True, meta=meta)
    prim.kernel("cuda", _on_gpu(name))
    for each in inputs:
        prim.vjp(each)(lambda g: g.new_zeros(g.shape))
    if inputs:
        prim.jvp(lambda tangents, out, *args, **params: out.new_zeros(out.shape))
    return prim


def _mode(params: dict[str, Any]) -> tuple[str, int, dict[str, Any]]:
    """(randomness, batch size, the op's own parameters)."""
    own = dict(params)
    trace = own.pop("batch_trace")
    if trace.randomness == "error":
        raise RuntimeError(_ERROR)
    return trace.randomness, trace.size, own


def _batched_source(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    mode, size, own = _mode(params)
    if mode == "same":
        return bind(prim, (), own), None
    if "shape" not in own:
        return stack([bind(prim, (), own) for _ in range(size)]), 0
    return bind(prim, (), {**own, "shape": (size, *own["shape"])}), 0


def _batched_draw(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    mode, size, own = _mode(params)
    if mode == "same":
        if any(d is not None for d in dims):
            raise RuntimeError(_SAME_BATCHED)
        return bind(prim, tuple(values), own), None
    rank = max(
        v.ndim - (d is not None) for v, d in zip(values, dims, strict=True) if isinstance(v, Tensor)
    )
    spreads = []
    for v, d in zip(values, dims, strict=True):
        if isinstance(v, Tensor):
            v = spread(v, d, size)
            v = v.reshape(size, *(1,) * (rank + 1 - v.ndim), *v.shape[1:])
        spreads.append(v)
    return bind(prim, tuple(spreads), own), 0


def _batched_fill(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    mode, size, own = _mode(params)
    if mode == "same":
        one = [v if d is None else v.select(d, 0) for v, d in zip(values, dims, strict=True)]
        if dims[0] is not None:  # drawn apart, so that an outer vmap sees a tensor without a batch
            one[0] = plain_zeros(tuple(one[0].shape), one[0].dtype.np, one[0].device)
        return bind(prim, tuple(one), own), None
    if dims[0] is None:
        raise RuntimeError(_DIFFERENT_INPLACE)
    return bind(prim, tuple(spread(v, d, size) for v, d in zip(values, dims, strict=True)), own), 0


def _source(name: str, sampler: Any) -> Primitive:
    def kernel(*, shape: Any, to: dt.dtype, args: Any, generator: Any, device: Any) -> Any:
        return sampler(generator, shape, to.np, *args)

    return _random(name, (), kernel, _batched_source, rules.made)


def in_memory_order(x: Any, fill: Any) -> Any:
    """`fill(shape)`'s values put where torch would: in the order in which x lies in memory."""
    if x.flags.c_contiguous:
        return fill(x.shape)
    order = axes_by_stride(x.shape, element_strides(x))[::-1]
    values = fill(tuple(x.shape[d] for d in order))
    return values.transpose(np.argsort(order))


def _filler(name: str, sampler: Any) -> Primitive:
    def kernel(x: Any, *, args: Any, generator: Any) -> Any:
        return in_memory_order(x, lambda shape: sampler(generator, shape, x.dtype, *args))

    return _random(name, ("x",), kernel, _batched_fill)


def _normal_kernel(x: Any, *, args: Any, generator: Any) -> Any:
    dense = x.flags.c_contiguous
    return in_memory_order(
        x,
        lambda shape: rng_distributions.normal(generator, shape, x.dtype, args[0], args[1], dense),
    )


def _normal_geometry(x: Any, *, args: Any, generator: Any) -> Any:
    if args[1] < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {float(args[1])}")
    return rules.laid_as(x)


rand_ = _source("rand", rng_distributions.uniform)
randn_ = _source("randn", rng_distributions.normal)
randint_ = _source("randint", rng_distributions.randint)


def _randperm_kernel(*, n: int, to: Any, generator: Any, device: Any) -> Any:
    return rng_distributions.randperm(generator, n, to.np)


randperm_ = _random(
    "randperm", (), _randperm_kernel, _batched_source,
    lambda *, n, to, **_: rules.reserved((n,), to.np),
)  # fmt: skip
uniform_fill = _filler("uniform", rng_distributions.uniform)
normal_fill = _random("normal", ("x",), _normal_kernel, _batched_fill, _normal_geometry)
exponential_fill = _filler("exponential", rng_distributions.exponential)
cauchy_fill = _filler("cauchy", rng_distributions.cauchy)
log_normal_fill = _filler("log_normal", rng_distributions.log_normal)
geometric_fill = _filler("geometric", rng_distributions.geometric)
random_fill = _filler("random", rng_distributions.random_)
random_range_fill = _filler("random_range", rng_distributions.randint)
bernoulli_fill = _filler(
    "bernoulli_scalar",
    lambda gen, shape, dtype, p: rng_distributions.bernoulli(gen, p, shape, dtype),
)


def _bernoulli_into_kernel(x: Any, p: Any, *, generator: Any) -> Any:
    return rng_distributions.bernoulli(generator, p, x.shape, x.dtype)


def _bernoulli_kernel(p: Any, *, generator: Any) -> Any:
    return rng_distributions.bernoulli(generator, p)


def _normal_pair_kernel(mean: Any, std: Any, *, generator: Any) -> Any:
    return rng_distributions.normal_tensor(generator, mean, std)


def _pair_geometry(*pair: Any, generator: Any) -> Any:
    dtype = next(a.dtype for a in pair if hasattr(a, "dtype"))
    return rules.reserved(rules.spread(*pair), dtype)


bernoulli_into = _random("bernoulli_tensor", ("x", "p"), _bernoulli_into_kernel, _batched_fill)
bernoulli_draw = _random("bernoulli", ("p",), _bernoulli_kernel, _batched_draw)
normal_draw = _random(
    "normal_pair", ("mean", "std"), _normal_pair_kernel, _batched_draw, _pair_geometry
)
normal_draw.shape = lambda mean, std, **_: broadcast_two(mean, std)
poisson_draw = _random(
    "poisson", ("rate",), lambda rate, *, generator: rng_sequential.poisson(generator, rate),
    _batched_draw,
)  # fmt: skip
binomial_draw = _random(
    "binomial", ("count", "prob"),
    lambda count, prob, *, generator: rng_sequential.binomial(generator, count, prob),
    _batched_draw, rules.by_value("binomial"),
)  # fmt: skip


def _multinomial_kernel(probs: Any, *, n: int, replacement: bool, generator: Any) -> Any:
    return rng_sequential.multinomial(generator, probs, n, replacement)


def _multinomial_batched(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    mode, size, own = _mode(params)
    if mode == "same":
        if dims[0] is not None:
            raise RuntimeError(_SAME_BATCHED)
        return bind(prim, tuple(values), own), None
    rows = spread(values[0], dims[0], size)
    drawn = bind(prim, (rows.reshape(-1, rows.shape[-1]),), own)
    return drawn.reshape(*rows.shape[:-1], own["n"]), 0


multinomial_ = _random(
    "multinomial", ("probs",), _multinomial_kernel, _multinomial_batched,
    lambda probs, *, n, **_: rules.reserved((*probs.shape[:-1], n), rules.INT64),
)  # fmt: skip
multinomial_.not_differentiable()
multinomial_.differentiable = False


# --- by size -------------------------------------------------------------------------------------


def _created(
    name: str, prim: Primitive, shape: tuple[int, ...], args: tuple[Any, ...], generator: Any,
    d: Any,
    device: Any, requires_grad: bool, out: Any,
) -> Tensor:  # fmt: skip
    dev = out.device if out is not None else as_device(name, device)
    params = {"shape": shape, "to": d, "args": args, "device": dev}
    made: Tensor = prim(generator=core_of(name, generator, dev), **params)
    if out is not None:
        return write_made(name, out, made)  # type: ignore[no-any-return]
    if requires_grad:
        require_grad(made)
    return made


def _by_size(name: str, prim: Primitive, doc: str) -> None:
    def create(
        *args: int | Sequence[int], size: Any = None, generator: Any = None, out: Any = None,
        dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
        pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        shape = as_sizes(name, args, size)
        check_options(name, layout, requires_grad, pin_memory)
        d = as_dtype(name, dtype, None if out is None else out.dtype)
        return _created(name, prim, shape, (), generator, d, device, requires_grad, out)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    op(method=False, samples=created)(create)


_by_size("rand", rand_, "Uniform numbers of [0, 1).")
_by_size("randn", randn_, "Standard normal numbers.")


def _bounds(name: str, args: tuple[Any, ...], low: Any, high: Any, size: Any) -> tuple[Any, ...]:
    """(low, high, size) of a call such as randint(5, (2,)) or randint(0, 5, (2,))."""
    given = list(args)
    if given and size is None and isinstance(given[-1], (tuple, list)):
        size = given.pop()
    if high is None and given:
        high = given.pop()
    if low is None and given:
        low = given.pop()
    if given or high is None or size is None and name == "randint":
        raise _mismatch(name, args)
    for value in (low, high):
        if isinstance(value, (float, bool)) or not (value is None or hasattr(value, "__index__")):
            raise _mismatch(name, args)
    return 0 if low is None else int(low), int(high), size


def _mismatch(name: str, args: tuple[Any, ...]) -> TypeError:
    got = ", ".join(kind_name(a) for a in args)
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({got}), but expected one "
        "of: (int high, tuple of ints size, ...), (int low, int high, tuple of ints size, ...)"
    )


@op(
    method=False,
    samples=lambda t: [S(5, (3, 4)), S(-2, 7, (2, 0)), S(0, 3, (), dtype=t.module.int32)],
)
def randint(
    *args: Any, low: Any = None, high: Any = None, size: Any = None, generator: Any = None,
    out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Integers of [low, high)."""
    first, stop, size = _bounds("randint", args, low, high, size)
    shape = as_sizes("randint", (size,))
    check_options("randint", layout, requires_grad, pin_memory)
    d = as_dtype("randint", dtype, dt.int64 if out is None else out.dtype)
    return _created(
        "randint", randint_, shape, (first, stop), generator, d, device, requires_grad, out
    )


@op(method=False, samples=lambda t: [S(6), S(0), S(5, dtype=t.module.int32)])
def randperm(
    n: int, *, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The integers below n in random order."""
    count = integer("randperm", "n", 1, n)
    check_options("randperm", layout, requires_grad, pin_memory)
    if count < 0:
        refuse_negative("randperm", (count,))
    d = as_dtype("randperm", dtype, dt.int64 if out is None else out.dtype)
    dev = out.device if out is not None else as_device("randperm", device)
    made: Tensor = randperm_(
        n=count, to=d, generator=core_of("randperm", generator, dev), device=dev
    )
    if out is not None:
        return write_made("randperm", out, made)  # type: ignore[no-any-return]
    if requires_grad:
        require_grad(made)
    return made


# --- like another tensor -------------------------------------------------------------------------


def _like(
    name: str, prim: Primitive, x: Tensor, args: tuple[Any, ...], generator: Any, dtype: Any,
    layout: Any, device: Any, requires_grad: bool, memory_format: Any,
) -> Tensor:  # fmt: skip
    check_options(name, layout, requires_grad)
    d = as_dtype(name, dtype, x.dtype)
    dev = x.device if device is None else as_device(name, device)
    shape = tuple(x.shape)
    plain = x.level or memory_format is not None or dev is not CPU or x._a.flags.c_contiguous
    order = None if plain else axes_by_stride(shape, element_strides(x._a))[::-1]
    if order == list(range(len(shape))):  # gaps alone: the new tensor is row-major
        order = None
    drawn = shape if order is None else tuple(shape[i] for i in order)
    if order is not None and prim is randn_:
        args = (0.0, 1.0, False)  # a tensor out of order takes the scalar sampler
    params = {"shape": drawn, "to": d, "args": args, "device": dev}
    made: Any = prim(generator=core_of(name, generator, dev), **params)
    if order is not None:
        made = made.permute([order.index(i) for i in range(len(order))]).detach()
    if memory_format is not None:
        made = made.to(memory_format=memory_format)
    elif not x.level and (0 in shape or 1 in shape):  # axes without steps are the tensor's
        made._a = placed(made._a, preserved_strides(shape, element_strides(x._a)))
    if requires_grad:
        require_grad(made)
    return made  # type: ignore[no-any-return]


def _declare_like(name: str, prim: Primitive, doc: str) -> None:
    def create(
        input: Tensor, *, generator: Any = None, dtype: Any = None, layout: Any = None,
        device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        return _like(name, prim, input, (), generator, dtype, layout, device, requires_grad,
                     memory_format)  # fmt: skip

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    op(method=False, samples=created_like)(create)


_declare_like("rand_like", rand_, "Uniform numbers in a tensor's sizes and dtype.")
_declare_like("randn_like", randn_, "Standard normal numbers in a tensor's sizes and dtype.")


@op(
    method=False,
    samples=lambda t: [S(t.const(3, 4), 5), S(t.const(3), -2, 7, dtype=t.module.int64)],
)
def randint_like(
    input: Tensor, *args: Any, low: Any = None, high: Any = None, generator: Any = None,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Integers of [low, high) in a tensor's sizes and dtype."""
    first, stop, _ = _bounds("randint_like", args, low, high, None)
    return _like("randint_like", randint_, input, (first, stop), generator, dtype, layout, device,
                 requires_grad, memory_format)  # fmt: skip


# --- in place ------------------------------------------------------------------------------------


def _fill(name: str, prim: Primitive, x: Tensor, args: tuple[Any, ...], generator: Any) -> Tensor:
    inplace.check(x, name)
    made = prim(x, args=args, generator=core_of(name, generator, x.device))
    return inplace.commit(x, made)


@op(
    at="",
    method=True,
    samples=lambda t: [S(t.const(3, 4)), S(t.const(3), -1.0, 2.0), S(t.const(2, 0))],
)
def uniform_(
    input: Tensor, from_: Any = None, /, to: Any = 1.0, *, generator: Any = None, **kwargs: Any
) -> Tensor:
    """Fill with uniform numbers of [from, to)."""
    low = kwargs.pop("from", 0.0 if from_ is None else from_)
    if kwargs:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(kwargs))}'")
    bounds = (float(number("uniform_", "from", 1, low)), float(number("uniform_", "to", 2, to)))
    return _fill("uniform_", uniform_fill, input, bounds, generator)


@op(
    at="",
    method=True,
    samples=lambda t: [S(t.const(3, 4)), S(t.const(3), 1.0, 0.5), S(t.const(2, 0))],
)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers."""
    return _fill("normal_", normal_fill, input, (float(mean), float(std)), generator)


@op(at="", method=True, samples=filled_at_random)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with exponential numbers of rate lambd."""
    return _fill("exponential_", exponential_fill, input, (float(lambd),), generator)


@op(at="", method=True, samples=filled_at_random)
def cauchy_(
    input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None
) -> Tensor:
    """Fill with Cauchy numbers."""
    return _fill("cauchy_", cauchy_fill, input, (float(median), float(sigma)), generator)


@op(at="", method=True, samples=filled_at_random)
def log_normal_(
    input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None
) -> Tensor:
    """Fill with exponentials of normal numbers."""
    return _fill("log_normal_", log_normal_fill, input, (float(mean), float(std)), generator)


@op(at="", method=True, samples=lambda t: [S(t.const(3, 4), 0.3), S(t.const(3), 0.9)])
def geometric_(input: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with numbers of trials up to the first success of probability p."""
    return _fill("geometric_", geometric_fill, input, (float(p),), generator)


@op(
    at="",
    method=True,
    samples=lambda t: [S(t.const(3, 4)), S(t.const(3), 5), S(t.const(3), 2, 9), S(t.const(2, 0))],
)
def random_(input: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
    """Fill with integers: of [0, to), of [from, to), or over the dtype's whole range."""
    low, high = kwargs.pop("from", 0), kwargs.pop("to", None)
    if kwargs:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if not args and high is None and not low:
        return _fill("random_", random_fill, input, (), generator)
    if len(args) == 1 and high is None:
        high = args[0]
    elif args:
        low, high = args[0], args[1] if len(args) > 1 else high
    given = [b for b in (low, high) if b is not None]
    if any(isinstance(b, float) for b in given):
        kinds = ", ".join(type(b).__name__ for b in given)
        raise TypeError(
            f"random_() received an invalid combination of arguments - got ({kinds}), but expected "
            "one of: (*, Generator generator), (int from, int to), (int to)"
        )
    if any(not -(1 << 63) <= int(b) < 1 << 63 for b in given):
        raise ValueError("Overflow when unpacking long long")
    bounds = (int(low), None if high is None else int(high))
    return _fill("random_", random_range_fill, input, bounds, generator)


@op(at="", method=True, samples=lambda t: [S(t.const(3, 4)), S(t.const(3), 0.2), S(t.const(2, 0))])
def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with ones of probability p (a number or a tensor that broadcasts), else zeros."""
    if not isinstance(p, Tensor):
        return _fill("bernoulli_", bernoulli_fill, input, (float(p),), generator)
    inplace.check(input, "bernoulli_")
    chances = p.expand(input.shape)  # type: ignore[attr-defined]
    made = bernoulli_into(input, chances, generator=core_of("bernoulli_", generator, input.device))
    return inplace.commit(input, made)


# --- from parameters -----------------------------------------------------------------------------


@op(out=True, samples=lambda t: [S(t(3, 4, low=0, high=1)), S(t(3), 0.3), S(t.const(2, 0))])
def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None) -> Tensor:
    """Ones with the probabilities in `input` (or with probability p), else zeros."""
    if p is not None:
        made: Any = input.new_empty(tuple(input.shape))  # type: ignore[attr-defined]
        return bernoulli_(made, p, generator=generator)  # type: ignore[no-any-return]
    return bernoulli_draw(input, generator=core_of("bernoulli", generator, input.device))  # type: ignore[no-any-return]


@op(method=False, samples=lambda t: [S(t(3, 4, low=0, high=9)), S(t.const(2, 0))])
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson counts of the rates in `input`."""
    return poisson_draw(input, generator=core_of("poisson", generator, input.device))  # type: ignore[no-any-return]


@op(
    method=False,
    samples=lambda t: [
        S(t.of([[3, 5], [0, 9]], t.dtype), t.const(2, low=0.1, high=0.9)),
        S(t.const(2, 0), t.const(2, 0)),
    ],
)
def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """Binomial counts of `count` trials with probability `prob`."""
    if not count.dtype.is_floating_point:
        raise ValueError(
            "binomial only supports floating-point dtypes for count, got: "
            f"{count.dtype.scalar_name}"
        )
    return binomial_draw(count, prob, generator=core_of("binomial", generator, count.device))  # type: ignore[no-any-return]


@op(
    out=Into("multinomial expects {want} tensor out, got: {got}"),
    samples=lambda t: [S(t.const(4, low=0.1), 2), S(t.const(3, 4, low=0.1), 5, replacement=True)],
)
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Indices drawn with the weights in (each row of) `input`."""
    core = core_of("multinomial", generator, input.device)
    n = integer("multinomial", "num_samples", 2, num_samples)
    return multinomial_(input, n=n, replacement=bool(replacement), generator=core)  # type: ignore[no-any-return]


@op(
    method=False,
    out=True,
    samples=lambda t: [
        S(t.const(3, 4), t.const(3, 4, low=0.1)),
        S(t.const(3), 0.5),
        S(1.0, t.const(3, low=0.1)),
        S(0.0, 2.0, (2, 3)),
    ],
)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Normal numbers: of one mean and deviation in `size`, or of a tensor of either."""
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        source = mean if isinstance(mean, Tensor) else std
        core = core_of("normal", generator, source.device)
        return normal_draw(mean, std, generator=core)  # type: ignore[no-any-return]
    if size is None:
        raise TypeError(
            f"normal() received an invalid combination of arguments - got ({kind_name(mean)}, "
            f"{kind_name(std)}), but expected one of: (Tensor mean, Tensor std), (Tensor mean, "
            "float std), (float mean, Tensor std), (float mean, float std, tuple of ints size)"
        )
    check_options("normal", layout, requires_grad, pin_memory)
    d, shape = as_dtype("normal", dtype), as_sizes("normal", (size,))
    args = (float(mean), float(std))
    return _created("normal", randn_, shape, args, generator, d, device, requires_grad, None)
