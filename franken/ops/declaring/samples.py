"""Samples of ops: calls that are written in an op's block and made when a check asks for them.

Knows shapes, values and families of ops (reductions, scans, ...); knows no op by name and no
tensor class: `Maker` gets the module whose tensors it makes. Nothing runs at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from franken.core.op import NoSamples

SEED = 7


class Call(NamedTuple):
    """One call, and what a check must know of it; its first two fields are what most look at."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    post: Callable[[Any], Any] | None = None
    pre: Callable[..., tuple[Any, ...]] | None = None
    exact: bool = True


def S(*args: Any, **kwargs: Any) -> Call:
    """Give one call.

    >>> S(3, dim=1)[:2]
    ((3,), {'dim': 1})
    """
    return Call(args, kwargs)


def after(post: Callable[[Any], Any], sample: Call) -> Call:
    """Give a call whose result is determined only after `post`: |eigenvectors|, ...

    >>> after(abs, S(3)).post is abs
    True
    """
    return sample._replace(post=post)


def given(pre: Callable[..., tuple[Any, ...]], sample: Call) -> Call:
    """Give a call whose arguments `pre` first brings into the op's domain: Hermitian matrices, ...

    >>> given(hermitian, S(3)).pre is hermitian
    True
    """
    return sample._replace(pre=pre)


def estimated(sample: Call) -> Call:
    """Give a call whose gradient is, as documented, not the derivative of its value.

    >>> estimated(S(3)).exact
    False
    """
    return sample._replace(exact=False)


def hermitian(x: Any, *rest: Any) -> tuple[Any, ...]:
    """The arguments with the first one plus its adjoint."""
    return x + x.mH, *rest


class Maker:
    """Makes the tensors of samples, in the dtype under test; every tensor has values of its own.

    The same op, dtype and order of calls give the same values on every machine.

    >>> import franken
    >>> t = Maker(franken, franken.float64)
    >>> t(2, 3).shape, t(2, 3).requires_grad, t.index(4, high=9).dtype
    (torch.Size([2, 3]), True, torch.int64)
    """

    def __init__(self, module: Any, dtype: Any) -> None:
        self.module, self.dtype = module, dtype
        self._rng = np.random.default_rng(SEED)

    def __call__(
        self, *shape: int, dtype: Any = None, low: float = -2, high: float = 2, grad: bool = True
    ) -> Any:
        """Uniform values of [low, high), a leaf that wants a gradient where the dtype has one."""
        dtype = dtype or self.dtype
        return self._made(self._values(shape, dtype, low, high), dtype, grad)

    def const(self, *shape: int, dtype: Any = None, low: float = -2, high: float = 2) -> Any:
        """Values that want no gradient: targets, buffers, tensors to be written."""
        return self(*shape, dtype=dtype, low=low, high=high, grad=False)

    def distinct(self, *shape: int, gap: float = 0.25) -> Any:
        """Values without ties, at least `gap` apart: for maxima, sorts, medians."""
        count = int(np.prod(shape))
        values = (self._rng.permutation(count) - count // 2 + 0.3).reshape(shape)
        whole = not (self.dtype.is_floating_point or self.dtype.is_complex)
        return self._made(np.floor(values) if whole else values * gap, self.dtype, True)

    def index(self, *shape: int, high: int, low: int = 0) -> Any:
        """Integers of [low, high), int64."""
        return self.module.tensor(self._rng.integers(low, high, shape))

    def mask(self, *shape: int) -> Any:
        """Booleans of both kinds."""
        return self.module.tensor(self._rng.permutation(np.arange(np.prod(shape)) % 3 > 0)
                                  .reshape(shape))  # fmt: skip

    def of(self, values: Any, dtype: Any = None, grad: bool = False) -> Any:
        """The given values; in the dtype under test if `grad`."""
        if grad:
            return self._made(np.asarray(values), self.dtype, True)
        return self.module.tensor(values) if dtype is None else self._made(values, dtype, False)

    def square(self, n: int, *batch: int) -> Any:
        """Well-conditioned matrices: noise on 2, 3, 4, ... along the diagonal."""
        noise = self._values((*batch, n, n), self.dtype, -0.5, 0.5)
        return self._made(noise + np.diag(np.arange(2, n + 2)), self.dtype, True)

    def positive(self, n: int, *batch: int) -> Any:
        """Hermitian positive definite matrices with eigenvalues apart."""
        noise = np.asarray(self._values((*batch, n, n), self.dtype, -0.4, 0.4))
        both = noise + np.conj(np.swapaxes(noise, -1, -2))
        return self._made(both + np.diag(np.arange(3, 2 * n + 3, 2)), self.dtype, True)

    def triangle(self, n: int, upper: bool = False) -> Any:
        """A well-conditioned triangular matrix."""
        full = np.asarray(self._values((n, n), self.dtype, 0.2, 0.8))
        apart = np.triu(full, 1) if upper else np.tril(full, -1)
        return self._made(apart + np.diag(np.arange(1, n + 1)), self.dtype, True)

    def _values(self, shape: Sequence[int], dtype: Any, low: float, high: float) -> Any:
        if dtype.is_complex:
            wide = self._rng.uniform(low, high, shape)
            return wide + 1j * self._rng.uniform(low, high, shape)
        if dtype.is_floating_point:
            return self._rng.uniform(low, high, shape)
        if str(dtype).endswith(".bool"):
            return self._rng.uniform(size=shape) < 0.6
        first, last = int(np.ceil(low)), int(np.floor(high))
        if last - first < 1:  # an interval for fractions holds no two integers
            first, last = (1, 4) if low >= 0 else (-4, 4)
        return self._rng.integers(first if dtype.is_signed else max(first, 0), last + 1, shape)

    def _made(self, values: Any, dtype: Any, grad: bool) -> Any:
        made = self.module.tensor(np.asarray(values)).to(dtype)
        return made.requires_grad_(grad and (dtype.is_floating_point or dtype.is_complex))


Drawn = Iterator[Call]

# --- elementwise ----------------------------------------------------------------------------------


def on(low: float, high: float, arity: int = 1) -> Callable[[Maker], Drawn]:
    """Samples of an elementwise op on [low, high): equal and broadcast shapes, 0-d, zero-size.

    >>> import franken
    >>> [call.args[0].shape for call in on(0.1, 1)(Maker(franken, franken.float32))]
    [torch.Size([3, 4]), torch.Size([]), torch.Size([2, 0])]
    """
    first = ((3, 4),) if arity == 1 else ((3, 1), *((4,),) * (arity - 1))

    def samples(t: Maker) -> Drawn:
        for shapes in (first, ((),) * arity, ((2, 0),) * arity):
            yield S(*[t(*s, low=low, high=high) for s in shapes])

    return samples


def unary(t: Maker) -> Drawn:
    """Of one tensor: both signs, 0-d, zero-size."""
    yield from on(-2, 2)(t)


def pointwise(arity: int) -> Callable[[Maker], Drawn]:
    """The samples of an elementwise op that says nothing else: positive values, then both signs.

    >>> import franken
    >>> len(list(pointwise(2)(Maker(franken, franken.float32))))
    6
    """

    def samples(t: Maker) -> Drawn:
        yield from on(0.1, 0.95, arity)(t)
        yield from on(-2, 2, arity)(t)

    return samples


def polynomial(t: Maker) -> Drawn:
    """Of an orthogonal polynomial: points and degrees."""
    yield S(t(4, low=-0.9, high=0.9), t.of([0, 1, 2, 5], t.dtype))
    yield S(t(2, 1, low=-0.9, high=0.9), t.of([3, 7], t.dtype))


# --- reductions, scans, picks ---------------------------------------------------------------------


def reduction(t: Maker) -> Drawn:
    """Over everything, one dimension, several; keepdim, 0-d, zero-size."""
    yield S(t(2, 3, 4))
    yield S(t(2, 3, 4), -2)
    yield S(t(2, 3, 4), (0, -1), keepdim=True)
    yield S(t(), 0)
    yield S(t(2, 0), 0)


def reduction_along(t: Maker) -> Drawn:
    """Over one given dimension or several."""
    yield from list(reduction(t))[1:]


def reduction_one(t: Maker) -> Drawn:
    """Over everything or one dimension; without ties."""
    yield S(t.distinct(3, 4))
    yield S(t.distinct(2, 3, 4), -2)
    yield S(t.distinct(3, 4), dim=0, keepdim=True)
    yield S(t(), 0)
    yield S(t(2, 0), 0)


def along(t: Maker) -> Drawn:
    """Along one dimension."""
    yield S(t(3, 4), 1)
    yield S(t(2, 3, 2), dim=-2)
    yield S(t(), 0)
    yield S(t(2, 0), 0)


def along_distinct(t: Maker) -> Drawn:
    """Along one dimension, without ties."""
    yield S(t.distinct(3, 4), 1)
    yield S(t.distinct(2, 3, 2), dim=-2)
    yield S(t(), 0)


def masked_reduction(t: Maker) -> Drawn:
    """A reduction of the elements under a mask; every row keeps some."""
    yield S(t.distinct(3, 4), 1)
    yield S(t.distinct(2, 3, 4), 1, keepdim=True, mask=t.of([[True], [True], [False]]))
    yield S(t.distinct(3, 4), 0, mask=t.of([[True] * 4, [False] * 4, [True] * 4]))


def masked_along(t: Maker) -> Drawn:
    """Along a dimension, of the elements under a mask."""
    yield S(t(3, 4), 1)
    mask = t.of([[True, True, False], [True, False, True]])
    yield after(lambda out: out.masked_fill(out.isinf(), 0), S(t(2, 3), 0, mask=mask))


# --- shapes, creation, randomness -----------------------------------------------------------------


def pick_dim(t: Maker) -> Drawn:
    """A tensor and a dimension, of a tensor that has one."""
    yield S(t(3, 4), 1)
    yield S(t(2, 3, 2), -2)
    yield S(t(2, 0), 0)


def read(t: Maker) -> Drawn:
    """Anything that a tensor says of itself."""
    yield S(t.const(2, 3))
    yield S(t.const())
    yield S(t.const(2, 0))


def created(t: Maker) -> Drawn:
    """A creation from sizes."""
    yield S(2, 3, dtype=t.dtype)
    yield S((2, 0))
    yield S(())


def created_like(t: Maker) -> Drawn:
    """A creation like a tensor."""
    yield S(t.const(2, 3))
    yield S(t.const(), dtype=t.module.float64)
    yield S(t.const(2, 0))


def created_new(t: Maker) -> Drawn:
    """A creation from sizes by a tensor's method."""
    yield S(t.const(2), (2, 3))
    yield S(t.const(), 3, 0)
    yield S(t.const(), (), dtype=t.module.float64)


def tapers(t: Maker) -> Drawn:
    """A symmetric and a periodic window, and the shortest ones."""
    yield S(5)
    yield S(6, sym=False, dtype=t.module.float64)
    yield S(1)
    yield S(0)


def old_tapers(t: Maker) -> Drawn:
    """A periodic and a symmetric window, and the shortest one."""
    yield S(5)
    yield S(6, False, dtype=t.module.float64)
    yield S(1)


def filled_at_random(t: Maker) -> Drawn:
    """A tensor to be written at random."""
    yield S(t.const(3, 4))
    yield S(t.const())
    yield S(t.const(2, 0))


# --- products, factorizations, transforms ---------------------------------------------------------


def matrices(t: Maker) -> Drawn:
    """One invertible matrix, or a batch."""
    yield S(t.square(3))
    yield S(t.square(2, 2))
    yield S(t.square(0))


def definite(t: Maker) -> Drawn:
    """One Hermitian positive definite matrix, or a batch."""
    yield given(hermitian, S(t.positive(3)))
    yield given(hermitian, S(t.positive(2, 2)))


def spectrum(t: Maker) -> Drawn:
    """A signal to be transformed along one dimension."""
    yield S(t(6))
    yield S(t(2, 5), n=4, dim=-1, norm="ortho")
    yield S(t(3, 4), dim=0)


def spectrum_n(t: Maker) -> Drawn:
    """A signal to be transformed along several dimensions."""
    yield S(t(3, 4))
    yield S(t(2, 3, 5), s=(4, 4), dim=(0, -1), norm="ortho")
    yield S(t(2, 3, 4), dim=(1, 2), norm="forward")


def spectrum_2(t: Maker) -> Drawn:
    """A signal to be transformed along two dimensions."""
    yield S(t(3, 4))
    yield S(t(2, 3, 5), s=(4, 4), dim=(0, -1), norm="ortho")


def inverse_stft(t: Maker) -> Drawn:
    """A spectrum of five frequencies, and a window that covers everything."""
    dtype = t.dtype if t.dtype.is_complex else (t(1, grad=False) * 1j).dtype
    yield S(t(5, 4, dtype=dtype), 8, window=t.const(8, low=0.5))
    yield S(t(2, 5, 6, dtype=dtype), 8, 2, normalized=True)


# --- windows over n axes, modules with many tensors -----------------------------------------------

_SPATIAL = {1: (6,), 2: (5, 4), 3: (3, 4, 3)}


def conv(n: int) -> Callable[[Maker], Drawn]:
    """Over n axes: plain; stride, padding, dilation; groups; one example.

    >>> import franken
    >>> next(conv(1)(Maker(franken, franken.float32)))[0][1].shape
    torch.Size([2, 3, 2])
    """

    def samples(t: Maker) -> Drawn:
        size, window = _SPATIAL[n], (2,) * n
        yield S(t(2, 3, *size), t(2, 3, *window), t(2))
        yield S(t(1, 2, *size), t(3, 2, *window), stride=2, padding=1, dilation=2)
        yield S(t(1, 4, *size), t(6, 2, *window), t(6), groups=2)
        yield S(t(2, *size), t(1, 2, *(3,) * n), padding="same")

    return samples


def conv_transpose(n: int) -> Callable[[Maker], Drawn]:
    """Over n axes: plain; stride, padding and output padding; groups; one example."""

    def samples(t: Maker) -> Drawn:
        size, window = (3,) * n, (2,) * n
        yield S(t(2, 3, *size), t(3, 2, *window), t(2))
        yield S(t(1, 2, *size), t(2, 3, *window), stride=2, padding=1, output_padding=1)
        yield S(t(1, 4, *size), t(4, 3, *window), t(6), groups=2)
        yield S(t(2, *size), t(2, 1, *window), dilation=2)

    return samples


def pooled(n: int) -> Callable[[Maker], Drawn]:
    """Windows of a batch and of one example, over n axes; without ties."""

    def samples(t: Maker) -> Drawn:
        yield S(t.distinct(2, 3, *_SPATIAL[n]), 2)
        yield S(t.distinct(2, *_SPATIAL[n]), 3, 2, 1, ceil_mode=True)

    return samples


def power_pooled(n: int) -> Callable[[Maker], Drawn]:
    """Windows and the power of their norm; of positive numbers."""

    def samples(t: Maker) -> Drawn:
        yield S(t(2, 3, *_SPATIAL[n], low=0.2), 2.0, 2)
        yield S(t(2, *_SPATIAL[n], low=0.2), 3.0, 2, 1, ceil_mode=True)

    return samples


def adaptive(n: int) -> Callable[[Maker], Drawn]:
    """An output size, for a batch and for one example; without ties."""

    def samples(t: Maker) -> Drawn:
        yield S(t.distinct(2, 3, *_SPATIAL[n]), 2)
        yield S(t.distinct(2, *_SPATIAL[n]), (3,) * n)

    return samples


def fractional(n: int) -> Callable[[Maker], Drawn]:
    """Windows whose places are given, so that nothing is random."""

    def samples(t: Maker) -> Drawn:
        places = t.const(2, 3, n, low=0, high=1)
        yield S(t.distinct(2, 3, *(6,) * n), 2, output_size=3, _random_samples=places)

    return samples


def unpooled(n: int) -> Callable[[Maker], Drawn]:
    """Values and the places that they came from."""

    def samples(t: Maker) -> Drawn:
        places = np.arange(2**n) * 2**n
        yield S(t(1, 1, *(2,) * n), t.of(places.reshape(1, 1, *(2,) * n)), 2)

    return samples


def recurrent(gates: int, states: int) -> Callable[[Maker], Drawn]:
    """One layer over a sequence; two layers in both directions; a packed batch."""

    def samples(t: Maker) -> Drawn:
        def weights(width: int) -> list[Any]:
            g = gates * 2
            return [t(*s, low=-0.5, high=0.5) for s in ((g, width), (g, 2), (g,), (g,))]

        def state(*shape: int) -> Any:
            return tuple(t(*shape) for _ in range(states)) if states > 1 else t(*shape)

        yield S(t(4, 2, 3), state(1, 2, 2), weights(3), True, 1, 0.0, False, False, False)
        both = [*weights(3), *weights(3), *weights(4), *weights(4)]
        yield S(t(2, 3, 3), state(4, 2, 2), both, True, 2, 0.0, False, True, True)
        sizes = t.of([2, 2, 1])
        yield S(t(5, 3), sizes, state(1, 2, 2), weights(3), True, 1, 0.0, False, False)

    return samples


def attention_heads(t: Maker) -> Drawn:
    """Two heads with packed weights; with a mask, and of one example."""
    rest = None, None, False, 0.0
    for lead in ((2,), ()):
        query, key = t(3, *lead, 4), t(5, *lead, 4)
        projections = t(12, 4), t(12), *rest, t(4, 4), t(4)
        yield S(query, key, t(5, *lead, 4), 4, 2, *projections, training=False)
    mask = t.of([[False, True, False]] * 3)
    one = t(3, 2, 4), t(3, 2, 4), t(3, 2, 4)
    more = {"training": False, "need_weights": False, "attn_mask": mask}
    yield S(*one, 4, 2, t(12, 4), t(12), *rest, t(4, 4), t(4), **more)


__all__ = ["Maker", "NoSamples", "S", "adaptive", "after", "along", "along_distinct",
           "attention_heads", "conv", "conv_transpose", "created", "created_like", "created_new",
           "definite", "estimated", "filled_at_random", "fractional", "given", "hermitian",
           "inverse_stft", "masked_along", "masked_reduction", "matrices", "old_tapers", "on",
           "pick_dim", "pointwise", "polynomial", "pooled", "power_pooled", "read", "recurrent",
           "reduction", "reduction_along", "reduction_one", "spectrum", "spectrum_2", "spectrum_n",
           "tapers", "unary", "unpooled"]  # fmt: skip
