"""torch._foreach_*: an op for each tensor of a list, generated from the ops that they map.

Other arguments are one for all tensors (a number, a tensor without dimensions) or one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from franken.core.calls.numbers import NUMBERS
from franken.core.op import NAMES, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S

Tensors = Sequence[Tensor]

_UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor",
    "frac", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt",
    "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip
# name -> (the op where numbers are given or tensors changed, scaled by alpha?, one for all?)
_BINARY = {
    "add": ("add", True, True), "sub": ("sub", True, False), "mul": ("mul", False, True),
    "div": ("div", False, True), "pow": ("pow", False, False),
    "clamp_max": ("clamp_max", False, False), "clamp_min": ("clamp_min", False, False),
    "maximum": ("clamp_min", False, False), "minimum": ("clamp_max", False, False),
}  # fmt: skip

# What torch calls the kernel of those that compare tensors.
_KERNELS = {"clamp_max": "minimum", "clamp_min": "maximum", "maximum": "maximum",
            "minimum": "minimum"}  # fmt: skip


# --- arguments -----------------------------------------------------------------------------------


def _tensors(name: str, tensors: Any, place: int = 0, argument: str = "self") -> Any:
    """The list as it was given; TypeError unless it holds tensors, RuntimeError if it is empty."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {place + 1}) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument {place}, but got {type(t).__name__}"
            )
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return tensors


def _refuse_complex(kernel: str, tensors: Any) -> None:
    for t in tensors:
        if t.dtype.is_complex:
            raise NotImplementedError(
                f"\"{kernel}_cpu\" not implemented for '{t.dtype.scalar_name}'"
            )


def _as_many(tensors: Any, others: Any) -> None:
    if len(others) != len(tensors):
        raise RuntimeError(
            "Tensor lists must have the same number of tensors, got "
            f"{len(tensors)} and {len(others)}"
        )


def _are_numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(v, NUMBERS) for v in values)


def _numbers(tensors: Any, values: Any) -> list[Any]:
    """One number for each tensor: from one for all, or a list."""
    if isinstance(values, NUMBERS):
        return [values] * len(tensors)
    if len(values) != len(tensors):
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return list(values)


def _unpacked(tensors: Any, values: Tensor) -> list[Any]:
    """The numbers in a tensor of one dimension, one for each tensor."""
    if values.ndim != 1:
        raise RuntimeError(
            f"Expected packed scalar Tensor to be of dimension 1. Got {values.ndim} instead."
        )
    if len(values) != len(tensors):
        raise RuntimeError(
            f"Expected length of scalars to match input of length {len(tensors)} but got "
            f"{len(values)} instead."
        )
    return values.tolist()  # type: ignore[no-any-return]


def _refuse(name: str, *args: Any) -> TypeError:
    got = ", ".join(type(a).__name__ for a in args)
    return TypeError(f"{name}() received an invalid combination of arguments - got ({got})")


# --- calls ---------------------------------------------------------------------------------------


def _each(name: str, changes: bool) -> Any:
    """Tensor's method of that name, or its in-place form, as a function."""
    return getattr(Tensor, f"{name}_" if changes else name)


def _mapped(changes: bool, tensors: Any, calls: list[Any]) -> Any:
    """The results as a tuple; the list itself where its tensors were changed."""
    return tensors if changes else tuple(calls)


def _unary(name: str, short: str, changes: bool) -> Any:
    one = _each(short, changes)

    def foreach(self: Tensors) -> tuple[Tensor, ...]:
        tensors = _tensors(name, self)
        return _mapped(changes, tensors, [one(t) for t in tensors])  # type: ignore[no-any-return]

    return foreach


def _binary(name: str, short: str, changes: bool) -> Any:
    with_number, scaled, with_one = _BINARY[short]
    by_number = _each(with_number, changes)
    one = by_number if changes else _each(short, False)  # there is no `maximum_`

    def foreach(
        self: Tensors, other: Any = None, *, alpha: Any = None, scalar: Any = None,
        scalars: Any = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        other = next((o for o in (other, scalar, scalars) if o is not None), None)
        tensors = _tensors(name, self)
        if isinstance(other, Tensor) and not other.ndim and not with_one:
            other = other.item()
        if isinstance(other, NUMBERS) or (_are_numbers(other) and other):
            if alpha is not None:
                _tensors(name, other, 1, "other")
            pairs = zip(tensors, _numbers(tensors, other), strict=True)
            return _mapped(changes, tensors, [by_number(t, v) for t, v in pairs])  # type: ignore[no-any-return]
        if isinstance(other, Tensor) and with_one:
            if other.ndim:
                raise RuntimeError(
                    f"scalar tensor expected to be 0 dim but it has {other.ndim} dimensions and "
                    f"{other.numel()} elements."
                )
            others: Any = [other] * len(tensors)
        elif isinstance(other, (list, tuple)):
            others = _tensors(name, other, 1, "other") if other else other
            _as_many(tensors, others)
        else:
            raise _refuse(name, self, other)
        if short in _KERNELS:
            _refuse_complex(_KERNELS[short], tensors)
        call = partial(one, alpha=alpha) if scaled and alpha is not None else one
        pairs = zip(tensors, others, strict=True)
        return _mapped(changes, tensors, [call(t, o) for t, o in pairs])  # type: ignore[no-any-return]

    return foreach


def _power(name: str, short: str, changes: bool) -> Any:
    general = _binary(name, short, changes)

    def foreach(self: Any, exponent: Any) -> tuple[Tensor, ...]:
        if isinstance(self, NUMBERS) and not changes:  # 2 ** t, for each
            return tuple([Tensor.__rpow__(t, self) for t in _tensors(name, exponent, 1)])
        return general(self, exponent)  # type: ignore[no-any-return]

    return foreach


def _ternary(name: str, short: str, changes: bool) -> Any:
    one = _each(short, changes)

    def foreach(
        self: Tensors, tensor1: Tensors, tensor2: Tensors, value: Any = 1, *, scalars: Any = None
    ) -> tuple[Tensor, ...]:
        tensors = _tensors(name, self)
        first, second = _tensors(name, tensor1, 1), _tensors(name, tensor2, 2)
        _as_many(tensors, first)
        _as_many(tensors, second)
        value = value if scalars is None else scalars
        packed = isinstance(value, Tensor)
        values = _unpacked(tensors, value) if packed else _numbers(tensors, value)
        calls = zip(tensors, first, second, values, strict=True)
        return _mapped(changes, tensors, [one(t, a, b, value=v) for t, a, b, v in calls])  # type: ignore[no-any-return]

    return foreach


def _lerp(name: str, short: str, changes: bool) -> Any:
    one = _each(short, changes)

    def foreach(
        self: Tensors, tensors1: Tensors, weight: Any = None, *, weights: Any = None
    ) -> tuple[Tensor, ...]:
        weight = weight if weights is None else weights
        if weight is None:
            raise _refuse(name, self, tensors1)
        tensors, ends = _tensors(name, self), _tensors(name, tensors1, 1)
        _as_many(tensors, ends)
        if isinstance(weight, NUMBERS) or _are_numbers(weight):
            weights = _numbers(tensors, weight)
        else:
            weights = _tensors(name, weight, 2, "weights")
            _as_many(tensors, weights)
        calls = zip(tensors, ends, weights, strict=True)
        return _mapped(changes, tensors, [one(*each) for each in calls])  # type: ignore[no-any-return]

    return foreach


# --- declarations --------------------------------------------------------------------------------


def _lists(t: Any, n: int) -> list[Any]:
    return [[t(2, 3, low=0.3, high=0.9), t(4, low=0.3, high=0.9)] for _ in range(n)]


def _pairs(short: str) -> Callable[[Any], list[Any]]:
    return lambda t: [S(*_lists(t, 2)), S(*_lists(t, 1), 2), S(*_lists(t, 1), [2, 0.5])]


def _declare(short: str, make: Any, samples: Any, *, also_changes: bool = True) -> None:
    name = f"_foreach_{short}"
    fn = make(name, short, False)
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = f"`{short}` of each tensor of a list."
    op(method=False, samples=samples)(fn)
    if also_changes:
        _publish(name + "_", make(name + "_", short, True), f"`{short}_` of each tensor of a list.")


def _publish(name: str, fn: Any, doc: str) -> None:
    """A function that changes the tensors of a list and gives the list back."""
    fn.__name__, fn.__qualname__, fn.__doc__, fn.__module__ = name, name, doc, "franken"
    NAMES["torch"][name] = fn


for _short in _UNARY:
    _declare(_short, _unary, lambda t: [S(*_lists(t, 1))])
for _short in _BINARY:
    _declare(_short, _power if _short == "pow" else _binary, _pairs(_short))
for _short in ("addcdiv", "addcmul"):
    _declare(_short, _ternary, lambda t: [S(*_lists(t, 3)), S(*_lists(t, 3), [2, 0.5])])
_declare("lerp", _lerp, lambda t: [S(*_lists(t, 2), 0.5), S(*_lists(t, 3))])
_declare("max", _unary, lambda t: [S([t.distinct(2, 3), t.distinct(4)])], also_changes=False)
_publish("_foreach_zero_", _unary("_foreach_zero_", "zero", True), "Zero each tensor of a list.")


def _check_order(name: str, order: Any) -> None:
    if not isinstance(order, NUMBERS) and not (isinstance(order, Tensor) and not order.ndim):
        raise TypeError(
            f"{name}(): argument 'ord' (position 2) must be Number, not {type(order).__name__}"
        )


@op(method=False, samples=lambda t: [S(*_lists(t, 1)), S(*_lists(t, 1), 1)])
def _foreach_norm(self: Tensors, ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The vector norm of each tensor of a list."""
    tensors = _tensors("_foreach_norm", self)
    _check_order("_foreach_norm", ord)
    if ord == float("inf") and any(not t.numel() for t in tensors):
        raise RuntimeError(
            "_foreach_norm cannot compute the infinity norm on an empty tensor because the "
            "operation does not have an identity"
        )
    norm = NAMES["linalg"]["vector_norm"]
    return tuple([norm(t, ord, dtype=dtype) for t in tensors])


@op(method=False, samples=lambda t: [S(*_lists(t, 1)), S(*_lists(t, 1), 1)])
def _foreach_powsum(self: Tensors, ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The sum of the powers of the magnitudes of each tensor of a list."""
    tensors = _tensors("_foreach_powsum", self)
    _check_order("_foreach_powsum", ord)
    return tuple([t.abs().pow(ord).sum(dtype=dtype) for t in tensors])


@op(method=False, samples=lambda t: [S([t(2, 3), t(1, 2)], [t(3, 2), t(2, 2)])])
def _foreach_mm(self: Tensors, mat2: Tensors) -> tuple[Tensor, ...]:
    """The products of the matrices of two lists."""
    tensors, others = _tensors("_foreach_mm", self), _tensors("_foreach_mm", mat2, 1, "mat2")
    _as_many(tensors, others)
    return tuple([t.mm(o) for t, o in zip(tensors, others, strict=True)])


@op(method=False, samples=lambda t: [S(*_lists(t, 1))])
def _foreach_clone(self: Tensors, *, memory_format: Any = None) -> tuple[Tensor, ...]:
    """A copy of each tensor of a list."""
    tensors = _tensors("_foreach_clone", self)
    form = {} if memory_format is None else {"memory_format": memory_format}
    return tuple([t.clone(**form) for t in tensors])


def _copy(self: Tensors, src: Tensors, non_blocking: bool = False) -> Tensors:
    if not isinstance(non_blocking, bool):
        raise TypeError(
            "_foreach_copy_(): argument 'non_blocking' (position 3) must be bool, not "
            f"{type(non_blocking).__name__}"
        )
    tensors = _tensors("_foreach_copy_", self)
    sources = _tensors("_foreach_copy_", src, 1, "src")
    _as_many(tensors, sources)
    for t, s in zip(tensors, sources, strict=True):
        t.copy_(s, non_blocking)
    return self


_publish("_foreach_copy_", _copy, "Copy each tensor of a list into that of another.")


def _unscale(self: Tensors, found_inf: Tensor, inv_scale: Tensor) -> None:
    for name, given in (("found_inf", found_inf), ("inv_scale", inv_scale)):
        if given.numel() != 1:
            raise RuntimeError(f"{name} must be a 1-element tensor.")
        if given.dtype.name != "float32":
            raise RuntimeError(f"{name} must be a float tensor.")
    for t in self:
        if not bool(t.isfinite().all()):
            found_inf.fill_(1)
        t.mul_(inv_scale.to(t.dtype))


_publish(
    "_amp_foreach_non_finite_check_and_unscale_", _unscale,
    "Multiply each tensor of a list, and note in `found_inf` whether one held no number.",
)  # fmt: skip
