"""`elementwise`: one declaration gives a primitive with all its rules and every public form.

The derivative `d` of an op is written once per input, as a function linear in its first argument;
`core.pointwise` makes all rules of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from franken.backends.numpy.halves import HALF
from franken.core import dtypes as dt
from franken.core import inplace, state
from franken.core.calls.numbers import NUMBERS, python_number
from franken.core.calls.out import refuse_cast
from franken.core.convert import cast
from franken.core.device import CPU
from franken.core.geometry.memory import overlap
from franken.core.geometry.shapes import broadcast_two
from franken.core.node import backward_name, edge_of, record, titled
from franken.core.op import Out, commit_as, inplace_form, parameters, register
from franken.core.overriding.foreign import answer_of, asking
from franken.core.overriding.names import operator_method
from franken.core.pointwise import pointwise_primitive
from franken.core.primitive import (
    F32,
    F64,
    NO_PARAMS,
    NOT_DIFFERENTIABLE,
    Primitive,
    _wrap,
    again,
    bind,
    quiet,
)
from franken.core.promotion import (
    ALWAYS_BOOL,
    BOOL_TO_LONG,
    DEFAULT,
    DIMENSIONED,
    INT_TO_FLOAT,
    WRAPPED_NUMBER,
    ZERO_DIM,
    result_type,
)
from franken.core.tensor import Tensor
from franken.ops.declaring.lanes import binary_lane, unary_lane
from franken.ops.declaring.samples import pointwise as pointwise_samples

_SAMPLES = {n: pointwise_samples(n) for n in (1, 2, 3)}
_INT64 = range(-(1 << 63), 1 << 63)
OPERANDS = (Tensor, *NUMBERS)
_NUMBER = {bool: dt.bool, int: dt.int64, float: dt.float64, complex: dt.complex128}


def elementwise(
    schema: str,
    kernel: Any,
    *,
    d: Any = NOT_DIFFERENTIABLE,
    promote: str = DEFAULT,
    holomorphic: bool = True,
    at: str = "torch",
    method: bool | None = None,
    inplace: Any = True,
    out: Out = True,
    alias: tuple[str, ...] = (),
    scale: str | None = None,
    refuse: str = "",
    tag: str = "",
    check: Any = None,
    jvp: Any = None,
    numbers: str = "second",
    expr: str | None = None,
    samples: Any = None,
    doc: str = "",
    title: Any = None,
    prim: Primitive | None = None,
    layout: str = "iterator",
) -> Any:
    """Declare an elementwise op; returns its function (`.prim` is the primitive).

    Args:
        schema: torch's, such as "exp(Tensor self) -> Tensor".
        kernel: on NumPy arrays of one dtype (and Python numbers), broadcasting.
        d: derivative(s) linear in the first argument, one an input or None; or NOT_DIFFERENTIABLE.
        promote: torch's name of the promotion kind.
        inplace: whether there are in-place forms; or the derivative that they have instead of `d`.
        scale: name of a factor on the last input (`alpha` of add and sub).
        refuse: kinds of dtype that raise, of "b" bool, "i" integers, "f" floats, "c" complex.
        tag: the kernel's name in that error, if it is not "<name>_cpu".
        check: `check(common dtype, *inputs)` raises whatever else is refused.
        jvp: tangent rule of an op that is not holomorphic; without it the derivative is transposed.
        numbers: which argument of two may be a Python number: "second", "any", "both" or "none".
        expr: scalar expression for generated kernels, "{0} + {1}".
        samples: instead of the default ones, `on(low, high)` where the domain is limited.
        title: torch's name of the backward function (see Primitive), where it does not follow.
        layout: how results lie (see Primitive); "tensors" where numbers do not count as inputs.
        prim: the primitive, where core has it already.
    """
    name, inputs, words = _heads(schema)
    if len(inputs) > 1 and not isinstance(kernel, np.ufunc) and not hasattr(kernel, "numbers"):
        kernel = typed(kernel)
    if prim is None:
        prim = pointwise_primitive(
            name, inputs, kernel, d, holomorphic=holomorphic, expr=expr, jvp=jvp, layout=layout
        )
    prim.words = tuple(words)
    own = backward_name(f"special_{name}") if at.partition(" ")[0] == "special" else None
    prim.title = title or prim.title or own
    faced: dict[str, Any] = {
        "prim": prim, "kernel": kernel, "promote": promote, "refuse": refuse,
        "tag": tag or f"{name}_cpu", "check": check, "words": words, "numbers": numbers,
    }  # fmt: skip
    fn = _face(**faced)
    if at:  # others are called by position alone
        fn = with_names(fn, words)
    public = _scaled(fn, scale) if scale else fn
    fn.prim = public.prim = prim
    fn.kernel, fn.fast, public.answers = kernel, "f" not in refuse, promote == ALWAYS_BOOL
    if numbers in ("second", "none"):
        fn.__annotations__[parameters(fn)[0]] = "Tensor"  # checked by the function form
    public.lane = fn
    fn.__name__ = fn.__qualname__ = public.__name__ = public.__qualname__ = name
    public.__doc__ = doc or f"Elementwise {name}."
    if len(inputs) > 1 and at:
        public.asking = _as_method(faced, public, scale)
    changer = _changer(public, fn, inplace, faced)
    samples = samples or _SAMPLES[len(inputs)]
    made = register(public, name, at, method, bool(inplace), out, alias, samples, changer)
    made.schema_text, made.prim = schema, prim
    return public


def _changer(public: Any, fn: Any, inplace: Any, faced: dict[str, Any]) -> Any:
    """The in-place form of an op that has one of its own kind; of two inputs, operators too."""
    name, kernel, promote = public.__name__, faced["kernel"], faced["promote"]
    changer = None
    if inplace and len(faced["prim"].inputs) == 2:
        form = _cast_first(inplace_form(name, public), name, promote)
        changer = _inplace_lane(name, public, kernel, fn.fast, form)
        public.augmented = _inplace_lane(name, public, kernel, fn.fast, augmented(form))
    if callable(inplace):
        changed = _changed(faced["prim"], kernel, inplace)
        changer = inplace_form(name, _face(**{**faced, "prim": changed}))
    return changer


def _as_method(faced: dict[str, Any], public: Any, scale: str | None) -> Any:
    """The method of an op of several inputs, which asks those it refuses."""
    made = with_names(_face(**faced, method=public.__name__), faced["words"])
    made.__name__ = public.__name__
    return update_wrapper(_scaled(made, scale) if scale else made, public)


def _changed(prim: Primitive, kernel: Any, rule: Any) -> Primitive:
    """The primitive of in-place forms that have another derivative than the op."""
    name = f"{prim.name}_"
    title = backward_name(prim.name)[:-1] + "1"
    jvp = without_forward(name)
    return pointwise_primitive(name, prim.inputs, kernel, rule, title=title, jvp=jvp)


def typed(kernel: Any) -> Any:
    """The kernel with Python numbers made arrays of the dtype that the arrays have."""

    def run(*values: Any, **params: Any) -> Any:
        for v in values:
            if v.__class__ is not np.ndarray:
                break
        else:
            return kernel(*values, **params)
        d = next((v.dtype for v in values if isinstance(v, np.ndarray)), None)
        arrays = [v if isinstance(v, np.ndarray) else np.asarray(v, d) for v in values]
        return kernel(*arrays, **params)

    return run


def _heads(schema: str) -> tuple[str, tuple[str, ...], list[str]]:
    """(name, primitive's input names, torch's) of a schema's text, without parsing all of it."""
    head, _, rest = schema.partition("(")
    name = head.partition(".")[0]
    arguments = rest.rpartition(") ->")[0].split(", *")[0].split(", ")
    names = ("x", "y", "z", "w")
    return name, names[: len(arguments)], [a.rpartition(" ")[2] for a in arguments]


# --- promotion -----------------------------------------------------------------------------------


def operand(name: str, position: int, a: Any) -> tuple[Any, tuple[dt.dtype, int]]:
    """(value, (dtype, category)) of one argument; NumPy scalars become Python numbers."""
    if isinstance(a, Tensor):
        return a, (a.dtype, DIMENSIONED if a.ndim else ZERO_DIM)
    number = python_number(a)
    if number is None:
        which = ("input", "other", "third")[min(position, 2)]
        raise TypeError(
            f"{name}(): argument '{which}' (position {position + 1}) must be Tensor, not "
            f"{type(a).__name__}"
        )
    return number, (_NUMBER[type(number)], WRAPPED_NUMBER)


def promoted(name: str, promote: str, args: tuple[Any, ...]) -> tuple[list[Any], dt.dtype]:
    """The arguments in the dtype they are computed in, and that dtype."""
    values, kinds = [], []
    for i, a in enumerate(args):
        value, kind = operand(name, i, a)
        values.append(value)
        kinds.append(kind)
    common = result_type(*kinds)
    if common.kind == dt.COMPLEX and common.np is None:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{common.scalar_name}'")
    if promote == INT_TO_FLOAT and common.kind <= dt.INTEGER:
        common = dt.get_default_dtype()
    elif promote == BOOL_TO_LONG and common is dt.bool:
        common = dt.int64
    values = [cast(v, common) if isinstance(v, Tensor) else _number(v, common) for v in values]
    return values, common


def _number(v: Any, d: dt.dtype) -> Any:
    """A Python number as an operand of dtype `d`: integers wrap around, as torch's do."""
    if v.__class__ is int:
        if v not in _INT64:
            raise OverflowError("int too big to convert")
        if d.kind == dt.INTEGER and d is not dt.int64:
            return int(np.array(v).astype(d.np))
    elif v.__class__ is bool and d.kind > dt.BOOL:
        return int(v)
    return v


_KIND = {dt.BOOL: "b", dt.INTEGER: "i", dt.FLOATING: "f", dt.COMPLEX: "c"}


def _face(
    prim: Primitive, kernel: Any, promote: str, refuse: str, tag: str, check: Any,
    words: list[str], numbers: str, method: str | None = None,
) -> Any:  # fmt: skip
    """The function of a primitive; as Tensor's `method`, it asks arguments that it refuses."""
    name, arity = prim.name, len(prim.inputs)
    first = "input" if words[0] == "self" else words[0]

    def general(*args: Any) -> Any:
        if not any(isinstance(a, Tensor) for a in args):
            if numbers != "both" or not isinstance(args[0], tuple(_NUMBER)):
                raise TypeError(
                    f"{name}(): argument '{first}' (position 1) must be Tensor, not "
                    f"{type(args[0]).__name__}"
                )
            from franken.ops.surface.data import as_tensor

            args = (as_tensor(args[0]), *args[1:])
        if numbers == "none" and not isinstance(args[1], Tensor):
            raise TypeError(
                f"{name}(): argument '{words[1]}' (position 2) must be Tensor, not "
                f"{type(args[1]).__name__}"
            )
        values, common = promoted(name, promote, args)
        if check is not None:
            check(common, *args)
        if refuse:
            refused(tag, common, refuse)
        return bind(prim, tuple(values), {})

    if method is not None:
        general = asking(general, method)
    if arity == 1:

        def one(input: Any) -> Any:
            return general(input)

        return one if "f" in refuse else unary_lane(prim, kernel, one)
    if arity == 2:

        def two(input: Any, other: Any) -> Any:
            return general(input, other)

        return two if "f" in refuse else binary_lane(prim, kernel, two, numbers != "none")
    return general


def with_names(fn: Any, words: Sequence[str]) -> Any:
    """The function with its arguments called as in the schema."""
    names = tuple("input" if w == "self" else w for w in words)
    if parameters(fn)[: len(names)] == names:
        return fn

    def named(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args += tuple([kwargs.pop(n) for n in names[len(args) :] if n in kwargs])
        return fn(*args, **kwargs)

    named.parameters = names  # type: ignore[attr-defined]
    return named


def underived(what: str) -> Any:
    """The rule of an input whose derivative torch lacks too."""

    def rule(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{what}' is not implemented.")

    return rule


def without_forward(name: str) -> Any:
    """The tangent rule of an op whose tangents torch has no formula for."""

    def rule(tangents: Any, out: Any, *inputs: Any, **params: Any) -> Any:
        raise NotImplementedError(
            f"Trying to use forward AD with {name} that does not support it"
            + ("." if name.startswith("aten::") else _UNFORMULATED)
        )

    return rule


_UNFORMULATED = (
    " because it has not been implemented yet.\nPlease file an issue to PyTorch at https://github.com/"
    "pytorch/pytorch/issues/new?template=feature-request.yml so that we can prioritize its "
    "implementation or submit a PR adding the implementation to derivatives.yaml"
)


def refused(tag: str, d: dt.dtype, kinds: str) -> None:
    """Raise torch's error if the dtype is of one of `kinds` ("b", "i", "h" half, "f", "c")."""
    if _KIND.get(d.kind, "q") in kinds or "h" in kinds and d.np in HALF:
        raise NotImplementedError(f"\"{tag}\" not implemented for '{d.scalar_name}'")


def refuse_grad(function: str, **inputs: Any) -> None:
    """Raise torch's error for an input without a derivative that asks for one."""
    if not state.STATE.grad:
        return
    for name, t in inputs.items():
        if isinstance(t, Tensor) and t.requires_grad:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument "
                f"'{name}'. This input cannot have requires_grad True."
            )


def operator(fn: Any, short: str) -> Any:
    """`x.__op__(y)` of a binary op: NotImplemented, so that Python asks `y`, for foreign types."""
    asked = operator_method(short)

    def other_kinds(input: Any, other: Any) -> Any:
        return fn(input, other) if isinstance(other, OPERANDS) else answer_of(asked, input, other)

    made = binary_lane(fn.prim, fn.lane.kernel, other_kinds) if fn.lane.fast else other_kinds
    made.__name__ = f"__{short}__"
    return made


def augmented(form: Any) -> Any:
    """`x.__iop__(y)` of an in-place form: NotImplemented for foreign types, so `x + y` is next."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, OPERANDS):
            return form(self, other)
        return answer_of(form.__name__, self, other)

    return method


def _cast_first(form: Any, name: str, promote: str) -> Any:
    """An in-place form that refuses a cast or a shape before it refuses a dtype, as torch does."""
    if promote == ALWAYS_BOOL:
        return form

    def method(input: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return form(input, *args, **kwargs)
        except NotImplementedError:
            other = args[0] if args else next(iter(kwargs.values()))
            refuse_cast(promoted(name, promote, (input, other))[1], input.dtype)
            if isinstance(other, Tensor):
                broadcast = broadcast_two(tuple(input.shape), tuple(other.shape))
                if broadcast != tuple(input.shape):
                    inplace.refuse_growth(input.shape, broadcast)
            raise

    said = with_names(method, parameters(form)[:2])
    said.__name__, said.__qualname__, said.__doc__ = form.__name__, form.__qualname__, form.__doc__
    said.__module__, said.__wrapped__ = form.__module__, form.__wrapped__
    return said


def _require_tensor(a: Any, fn: Any) -> None:
    if not isinstance(a, Tensor):
        raise TypeError(
            f"descriptor '__r{fn.__name__}__' requires a 'Tensor' object but received a "
            f"'{type(a).__name__}'"
        )


def reflected(fn: Any, short: str, title: str | None = None) -> Any:
    """`x.__rop__(y)`, that is fn(y, x) for a Python number y; torch may call its node `title`."""
    asked = operator_method(short)
    prim, kernel, fast = fn.prim, fn.lane.kernel, fn.lane.fast

    def general(other: Any, self: Any) -> Any:
        out = fn(other, self)
        return out if title is None else titled(out, title)

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if state.SPECIAL or not fast or (kind is not float and kind is not int):
            if isinstance(other, OPERANDS):
                _require_tensor(self, fn)
                return general(other, self)
            return answer_of(asked, self, other)
        a = self._a
        if (a.dtype is not F32 and a.dtype is not F64) or self.device is not CPU:
            return general(other, self)
        try:
            r = quiet(kernel, other, a)
        except (OverflowError, TypeError):  # a number too large, or another layout
            return general(other, self)
        except RuntimeError as error:
            r = again(error, kernel, (other, a), NO_PARAMS)
        if self._ver is not None and not (a.flags.c_contiguous and a.size and 1 not in a.shape):
            r = prim.arrange((other, a), r, NO_PARAMS)
        t = _wrap(r, CPU)
        if prim.differentiable and (self._node is not None or self._base is not None):
            record(prim, (other, self), NO_PARAMS, t)
            if title is not None:
                titled(t, title)
        return t

    method.__name__ = f"__{short}__"
    return method


def _scaled(fn: Any, scale: str) -> Any:
    """The function with a factor on its second input."""

    def scaled(input: Any, other: Any, *old: Any, alpha: Any = 1) -> Any:
        if old:
            other, alpha = old_order(fn.__name__, other, *old)
        if alpha == 1 and alpha.__class__ is not bool:
            return fn(input, other)
        common = _check_alpha(input, other, alpha)
        if common is dt.bool:
            return fn(input, other & bool(alpha))
        if isinstance(other, Tensor):
            return fn(input, cast(other, common) * alpha)
        return fn(input, other * alpha)

    return scaled


def old_order(name: str, second: Any, third: Any, *more: Any) -> tuple[Any, Any]:
    """(other, alpha) of torch's deprecated forms f(x, alpha, other) and f(x, number, alpha)."""
    if more or isinstance(second, Tensor):
        raise TypeError(f"{name}() takes 2 positional arguments but {3 + len(more)} were given")
    return (third, second) if isinstance(third, Tensor) else (second, third)


def _check_alpha(x: Any, y: Any, alpha: Any) -> dt.dtype:
    common = result_type(*[operand("add", i, a)[1] for i, a in enumerate((x, y))])
    if isinstance(alpha, bool) and common is not dt.bool:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and common.kind <= dt.INTEGER:
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if isinstance(alpha, complex) and not common.is_complex:
        raise RuntimeError(
            "For non-complex input tensors, argument alpha must not be a complex number."
        )
    return common


def _inplace_lane(name: str, fn: Any, kernel: Any, fast: bool, slow: Any) -> Any:
    """`x.name_(y)`: a ufunc writes straight into memory where nothing is recorded."""
    if not isinstance(kernel, np.ufunc) or not fast:
        return slow

    def method(input: Any, other: Any, *args: Any, **kwargs: Any) -> Any:
        st = state.STATE
        if args or kwargs or input.foreign or st.traces or st.recorder is not None:
            return slow(input, other, *args, **kwargs)
        if input.device is not CPU:
            return slow(input, other)
        a = input._a
        if isinstance(other, Tensor):
            b = other._a
            plain = (
                b.dtype is a.dtype
                and other.device is CPU
                and not other.foreign
                and b.shape == a.shape
                and (not state.STATE.grad or edge_of(other) is None)
                and ((input._base is None and other._base is None) or overlap(a, b) != "part")
            )
        else:
            b, plain = other, type(other) is float or type(other) is int
        if not plain or (a.dtype is not F32 and a.dtype is not F64):
            return slow(input, other)
        if (
            not a.flags.writeable
            or 0 in a.strides
            or state.STATE.grad
            and (
                input._base
                is not None  # first: a view whose base was changed has no edge to ask for
                and input._base._node is not None
                or edge_of(input) is not None
            )
        ):
            return slow(input, other)
        try:
            quiet(kernel, a, b, out=a)
        except RuntimeError as error:
            again(error, kernel, (a, b), {"out": a})
        inplace.bump(input)
        return input

    method = with_names(method, parameters(fn)[:2])
    method.__name__ = method.__qualname__ = name + "_"
    method.__wrapped__ = fn  # type: ignore[attr-defined]
    return method


__all__ = ["ALWAYS_BOOL", "BOOL_TO_LONG", "DEFAULT", "INT_TO_FLOAT", "OPERANDS", "commit_as",
           "elementwise", "old_order", "operand", "operator", "promoted",
           "reflected", "refused", "typed"]  # fmt: skip
