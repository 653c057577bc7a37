"""The Tensor: a backend array, its device, its place in the gradient graph, and its aliases.

Knows no op: every arithmetic method is attached by the op declarations. Slots:
  _a         the backend array (never a NumPy scalar)
  _node      edge into the gradient graph: a Node, an OutEdge, a Leaf, or None
  device     interned device
  _ver       [count, position of the last in-place change], shared by a base and its views; None
             until it is needed. One that is not row-major has one from the start: `first_version`.
  _base      the tensor that this one is a differentiable view of, or None
  _chain     how _base leads to this view: ((primitive, params, output index), ...)
  _view_ver  the count at which a view's _node was right (only on views)
  _vmeta     why an in-place change of this view is refused (only there; see core.creation)
  _grad      the accumulated gradient (only once assigned)

A conjugated or negated view shares memory with numbers that no array can show as they are meant.
It is a `Deferred`: its `_a` is computed anew at every reading, so that whoever reads values needs
to know nothing of it; and that cannot be written to, so that whoever writes must ask for more.
What lies in memory is `held(t)`, and `_bits` say how it is to be seen. Deferring is in the class
and not in a slot: the fast lanes, which ask for the class anyway, hand such tensors to the general
way, and all others pay nothing.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from franken.core import dtypes
from franken.core.device import CPU, device
from franken.core.geometry.size import Size

if TYPE_CHECKING:
    # What the op declarations attach, as a stub; at run time nothing is inherited.
    from franken.core.tensor_methods import TensorMethods as _Methods
else:
    _Methods = object

_new = object.__new__
_from_np = dtypes.from_numpy


class Tensor(_Methods):
    """An n-dimensional array that can record how it was computed."""

    __slots__ = (
        "__dict__", "__weakref__", "_a", "_base", "_chain", "_grad", "_node", "_ver", "_view_ver",
        "_vmeta", "device",
    )  # fmt: skip

    _a: Any
    _node: Any
    _base: Any
    _chain: Any
    _view_ver: int
    _vmeta: str
    _grad: Any
    _ver: list[Any] | None
    device: device
    # The transform that a traced tensor belongs to, and its depth; of plain tensors:
    level = 0
    trace: Any = None
    # How memory is to be seen, CONJ and NEG (only of `Deferred`):
    _bits = 0
    # Whether the array slot holds something else than a strided array: a traced value, or an array
    # of another layout.
    foreign = False
    if TYPE_CHECKING:  # of tensors of another layout

        def alone(self, edge: Any = None) -> Any: ...

    # What Tensor(...) builds; set by the creation ops, since it knows arrays and dtypes.
    _construct: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made: Self = Tensor._construct(cls, *args, **kwargs)
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __dir__(self) -> list[str]:
        """What there is to be read, hence no slot that is empty."""
        hidden = [n for n in Tensor.__slots__ if n[:2] != "__" and not hasattr(self, n)]
        if self.device.type != "cuda":
            hidden.append("__cuda_array_interface__")
        return sorted(set(super().__dir__()).difference(hidden))

    @property
    def shape(self) -> Size:
        """The sizes as a `Size`."""
        return Size(self._a.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return _from_np(self._a.dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._a.ndim  # type: ignore[no-any-return]


class _ParameterType(type):
    """Counts instances of other subclasses that were made parameters."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls is Parameter
            and isinstance(instance, Tensor)
            and getattr(instance, "_is_param", False)
        )


class Parameter(Tensor, metaclass=_ParameterType):
    """A leaf that a module registers as trainable; built by `nn.Parameter`."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __new__(cls, data: Any = None, requires_grad: bool = True) -> Self: ...
        def __init__(self, data: Any = None, requires_grad: bool = True) -> None: ...


def wrap(array: Any, dev: device = CPU) -> Tensor:
    """A fresh Tensor around `array`, which the caller gives up."""
    t: Tensor = _new(Tensor)
    t._a = a = array if type(array) is np.ndarray else as_array(array)
    t.device = dev
    t._node = t._base = None
    t._ver = first_version(a)
    return t


def first_version(array: Any) -> list[Any] | None:
    """The version counter that a fresh tensor starts with.

    None is the mark of the plain case: the fast lanes look at the layout of an input only where
    there is a counter, and pay nothing for it where there is none.
    """
    plain = array.flags.c_contiguous and (1 not in array.shape or _steps_as_new(array))
    return None if plain else [0, None]


def _steps_as_new(array: Any) -> bool:
    """Whether axes of one element have the strides that a new array's have."""
    step = array.itemsize
    for n, s in zip(array.shape[::-1], array.strides[::-1], strict=True):
        if s != step:
            return False
        step *= n
    return True


# --- conjugated and negated views ----------------------------------------------------------------

CONJ, NEG = 1, 2
# The array that lies in memory, of any tensor; and the way to exchange it.
held: Any = Tensor.__dict__["_a"].__get__
hold: Any = Tensor.__dict__["_a"].__set__
_set_class: Any = object.__dict__["__class__"].__set__


def seen(array: Any, bits: int) -> Any:
    """The numbers that an array in memory stands for; and those to be put there, as it undoes
    itself. Axes of one element keep their steps."""
    if not bits:
        return array
    if bits & NEG and array.dtype.kind == "b":
        raise NotImplementedError("\"neg_cpu\" not implemented for 'Bool'")
    made = as_array(array.conj()) if bits & CONJ else array
    made = as_array(-made) if bits & NEG else made
    if isinstance(made, np.ndarray) and 1 in made.shape:
        axes = zip(made.shape, array.strides, made.strides, strict=True)
        steps = [old if n == 1 else new for n, old, new in axes]
        return np.lib.stride_tricks.as_strided(made, strides=steps)
    return made


@cache
def _seen_through(cls: Any, bits: int) -> Any:
    if not bits:
        return cls
    names = {n: getattr(cls, n) for n in ("__module__", "__qualname__", "__doc__")}
    # who answers for the class does for this one: of plain tensors nobody does
    answers: Any = Parameter if cls is Tensor else cls
    body = {**names, "__slots__": (), "_bits": bits, "_face": cls,
            "__torch_function__": staticmethod(answers.__torch_function__)}  # fmt: skip
    return type(cls)(cls.__name__, (Deferred, cls), body)


class Deferred(Tensor):
    """A tensor whose memory holds the conjugates or the negatives of its elements.

    Each class of tensors has one of these for each kind of bits; it shows itself as that class.
    """

    __slots__ = ()
    _face: Any = Tensor
    _a = property(lambda self: _shown(held(self), self._bits))
    __class__ = property(
        lambda self: type(self)._face,
        lambda self, cls: _set_class(self, _seen_through(cls, self._bits)),
    )
    shape = property(lambda self: Size(held(self).shape))
    dtype = property(lambda self: _from_np(held(self).dtype))
    ndim = property(lambda self: held(self).ndim)


def _shown(array: Any, bits: int) -> Any:
    """`seen` for who reads."""
    made = seen(array, bits)
    if type(made) is np.ndarray:
        made.flags.writeable = False
    return made


def bits_of(t: Any) -> int:
    """How the memory of any tensor, plain or traced, is to be seen."""
    while t.level:
        t = t._a
    return t._bits  # type: ignore[no-any-return]


def dress(t: Any, bits: int) -> Any:
    """Let `t` be seen through `bits` from now on; returns it."""
    if bits != t._bits:
        _set_class(t, _seen_through(t.__class__, bits))
        if t._ver is None:
            t._ver = [0, None]
    return t


def attach(**members: Any) -> None:
    """Give Tensor methods and properties; type checkers see them in the stub of its base."""
    for name, member in members.items():
        if type(member) is FunctionType and member.__name__[0] == "_" != member.__name__[1]:
            member.__name__ = name  # an op's own is another
        setattr(Tensor, name, member)


def as_array(value: Any) -> Any:
    """Turn what a kernel returned into an array: 0-d results arrive as NumPy scalars."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def version_of(t: Tensor) -> list[Any]:
    """The tensor's version counter, made at first need."""
    v = t._ver
    if v is None:
        v = t._ver = [0, None]
    return v


def alive(t: Any) -> Any:
    """The value of a tensor that has left its transform; any other one as it is."""
    while t.level and not t.trace.alive:
        t = t.escaped()
    return t


def living(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments without the tracers of transforms that have ended."""
    return tuple([alive(a) if isinstance(a, Tensor) and a.level else a for a in args])
