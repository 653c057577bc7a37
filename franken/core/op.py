"""Public ops: from one function to all the forms that users call.

An op is one Python function whose signature is its schema. From it come `franken.name` (with
`out=`), `Tensor.name`, `Tensor.name_`, aliases and the registry entry; nothing is written twice.
Knows no particular op, and parses nothing at import.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from franken.core import inplace as _inplace
from franken.core.promotion import can_cast
from franken.core.state import STATE
from franken.core.tensor import Tensor, version_of

OPS: dict[str, Op] = {}
NAMES: dict[str, dict[str, Any]] = {}

Samples = Callable[..., Iterator[Any]]


class Op:
    """A registered op. `function`, `method` and `inplace` are its forms (None where absent)."""

    __slots__ = (
        "aliases", "at", "fn", "function", "inplace", "method", "name", "out", "prim", "samples",
        "schema_text",
    )  # fmt: skip

    def __init__(self, name: str, fn: Any, at: str) -> None:
        self.name, self.fn, self.at = name, fn, at
        self.function: Any = None
        self.method: Any = None
        self.inplace: Any = None
        self.prim: Any = None
        self.samples: Samples | None = None
        self.schema_text: str | None = None
        self.aliases: tuple[str, ...] = ()
        self.out = False

    @property
    def schema(self) -> Any:
        """The parsed schema, from the declaration's text or its signature."""
        from franken.core import schema, signature

        text = self.schema_text or signature.schema_text(self.name.rsplit(".", 1)[-1], self.fn)
        return schema.parse(text)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def op(
    at: str = "torch",
    *,
    name: str | None = None,
    method: bool | None = None,
    inplace: bool = False,
    out: bool | str = False,
    alias: tuple[str, ...] = (),
    samples: Samples | None = None,
) -> Callable[[Any], Any]:
    """Declare a public op by its function; returns the function unchanged.

    Args:
        at: namespace(s) of the function, separated by spaces: "torch", "nn.functional",
            "special", "linalg", "fft", ... or "" for a method only.
        method: also `Tensor.name`; by default, if `at` includes "torch".
        inplace: also `Tensor.name_` and, if `at` includes "torch", `torch.name_`.
        out: the function takes `out=`; "apart" if that must not lie in an input's memory,
            "typed" if it must have the result's dtype, "exact" if both.
        alias: further names, "name" (same forms) or "space.name" (function only).
        samples: `samples(make)` yields (args, kwargs); make(*shape, dtype=, low=, high=) makes a
            tensor.
    """

    def declare(fn: Any) -> Any:
        register(fn, name or fn.__name__, at, method, inplace, out, alias, samples)
        return fn

    return declare


def register(
    fn: Any,
    name: str,
    at: str = "torch",
    method: bool | None = None,
    inplace: bool = False,
    out: bool | str = False,
    alias: tuple[str, ...] = (),
    samples: Samples | None = None,
    inplace_fn: Any = None,
) -> Op:
    """Make the forms of an op; see `op`."""
    spaces = at.split()
    first = spaces[0] if spaces else "Tensor"
    made = Op(name if first in ("torch", "Tensor") else f"{first}.{name}", fn, at)
    made.samples, made.aliases, made.out = samples, alias, bool(out)
    made.function = function_form(name, fn, out)
    made.function.__module__ = "franken" if first == "torch" else f"franken.{first}"  # for pickle
    if method or (method is None and "torch" in spaces):
        made.method = numpy_spelling(fn)
    if inplace:
        made.inplace = inplace_fn or inplace_form(name, fn)
    for short in (name, *[a for a in alias if "." not in a]):
        _publish(made, spaces, short)
    for full in alias:
        if "." in full:
            space, _, short = full.rpartition(".")
            NAMES.setdefault(space, {})[short] = made.function
    if made.name in OPS:
        raise ValueError(f"op {made.name!r} is declared twice")
    OPS[made.name] = made
    return made


def _publish(made: Op, spaces: list[str], name: str) -> None:
    for space in spaces:
        NAMES.setdefault(space, {})[name] = made.function
    if made.method is not None:
        setattr(Tensor, name, made.method)
    if made.inplace is not None:
        setattr(Tensor, name + "_", made.inplace)
        for space in spaces:
            NAMES[space][name + "_"] = made.inplace


def numpy_spelling(fn: Any) -> Any:
    """`fn` taking NumPy's names too, as torch does: axis is dim, keepdims is keepdim."""
    code = getattr(getattr(fn, "__wrapped__", fn), "__code__", None)
    if code is None or "dim" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return fn

    def spelled(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            if "axis" in kwargs:
                kwargs["dim"] = kwargs.pop("axis")
            if "keepdims" in kwargs:
                kwargs["keepdim"] = kwargs.pop("keepdims")
        return fn(*args, **kwargs)

    spelled.__name__ = spelled.__qualname__ = fn.__name__
    spelled.__doc__, spelled.__module__ = fn.__doc__, fn.__module__
    spelled.__wrapped__ = fn  # type: ignore[attr-defined]
    return spelled


def function_form(name: str, fn: Any, out: bool | str) -> Any:
    """`franken.name`: the op with a checked first argument and, if it has one, `out=`."""
    wants_tensor = _first_annotation(fn) == "Tensor"
    fn = numpy_spelling(fn)

    def function(*args: Any, **kwargs: Any) -> Any:
        if wants_tensor and args and not isinstance(args[0], Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not "
                f"{type(args[0]).__name__}"
            )
        if out and "out" in kwargs:
            target = kwargs.pop("out")
            if target is not None:
                if isinstance(out, str):
                    if out != "typed":
                        _refuse_shared(target, (*args, *kwargs.values()))
                    if out != "apart":
                        return _write_exact(
                            name, target, _untracked(name, fn, args, kwargs, target)
                        )
                return write_out(name, target, _untracked(name, fn, args, kwargs, target))
        return fn(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = fn.__doc__
    function.__module__ = fn.__module__
    function.__wrapped__ = fn  # type: ignore[attr-defined]
    return function


def _first_annotation(fn: Any) -> Any:
    code = getattr(fn, "__code__", None)
    if code is None or not code.co_argcount:
        return None
    return fn.__annotations__.get(code.co_varnames[0])


def _refuse_shared(out: Any, inputs: Any) -> None:
    """Raise if `out` lies in the memory of an input (of ops that read inputs out of order)."""
    for o in out if isinstance(out, (tuple, list)) else (out,):
        for t in inputs:
            if isinstance(t, (tuple, list)):
                _refuse_shared(o, t)
            elif (
                isinstance(t, Tensor)
                and isinstance(o, Tensor)
                and (o is t or _inplace.shared(o, t))
            ):
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to "
                    "tensor refer to a single memory location. Please clone() the tensor before "
                    "performing the operation."
                )


def _write_exact(name: str, out: Any, result: Any) -> Any:
    several = isinstance(result, tuple) and isinstance(out, (tuple, list))
    for o, r in zip(out, result, strict=False) if several else ((out, result),):
        if isinstance(o, Tensor) and isinstance(r, Tensor) and o.dtype is not r.dtype:
            raise RuntimeError(
                f"Expected out tensor to have dtype {_c_name(r.dtype)}, but got "
                f"{_c_name(o.dtype)} instead"
            )
    return write_out(name, out, result)


def _c_name(d: Any) -> str:
    names = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int",
             "float16": "c10::Half", "bfloat16": "c10::BFloat16"}  # fmt: skip
    return str(names.get(d.name, d.name))


def _untracked(name: str, fn: Any, args: Any, kwargs: Any, target: Any) -> Any:
    if STATE.grad:
        involved = [*args, *kwargs.values(), *(target if isinstance(target, tuple) else (target,))]
        if any(isinstance(a, Tensor) and a.requires_grad for a in involved):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic "
                "differentiation, but one of the arguments requires grad."
            )
    return fn(*args, **kwargs)


def write_out(name: str, out: Any, result: Any) -> Any:
    """Write a result into `out=`, resizing and casting as torch allows."""
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): argument 'out' must be tuple of {len(result)} Tensors")
        written = [write_out(name, o, r) for o, r in zip(out, result, strict=True)]
        return type(result)(written) if type(result) is not tuple else tuple(written)
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if not can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype.scalar_name} can't be cast to the desired output type "
            f"{out.dtype.scalar_name}"
        )
    if out.device is not result.device:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{out.device} and {result.device}! (argument out of {name})"
        )
    if out.level or result.level:
        return _inplace.commit(out, result.to(out.dtype))
    if _inplace._self_overlap(out._a):
        _inplace._refuse_overlap(out._a)
    if out._a.shape != result._a.shape:
        _resize_out(out, result)
    out._a[...] = result._a
    ver = version_of(out)
    ver[0] += 1
    return out


def _resize_out(out: Tensor, result: Tensor) -> None:
    if out._a.size:
        warnings.warn(
            f"An output with one or more elements was resized since it had shape "
            f"{list(out._a.shape)}, which does not match the required output shape "
            f"{list(result._a.shape)}. This behavior is deprecated, and in a future PyTorch "
            "release outputs will not be resized unless they have zero elements. You can "
            "explicitly reuse an out tensor t by resizing it, inplace, to zero elements with "
            "t.resize_(0).",
            stacklevel=4,
        )
    out._a = result._a.astype(out._a.dtype)
    out._base = None


def inplace_form(name: str, fn: Any) -> Any:
    """`Tensor.name_`: the op, then its result committed to the tensor."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        _inplace.check(self, name)
        return commit_as(self, fn(self, *args, **kwargs))

    method.__name__ = method.__qualname__ = name + "_"
    method.__doc__ = f"In-place form of `{name}`."
    method.__module__ = fn.__module__
    method.__wrapped__ = fn  # type: ignore[attr-defined]
    return method


def commit_as(x: Tensor, result: Any) -> Tensor:
    """Commit a result of another dtype to `x`, where torch allows the cast."""
    if not isinstance(x, Tensor):
        raise TypeError(f"argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    if x.level == 0 and result.level == 0 and x._a.dtype is result._a.dtype:
        return _inplace.commit(x, result)
    if result.dtype is not x.dtype:
        if not can_cast(result.dtype, x.dtype):
            raise RuntimeError(
                f"result type {result.dtype.scalar_name} can't be cast to the desired output type "
                f"{x.dtype.scalar_name}"
            )
        result = result.to(x.dtype)
    return _inplace.commit(x, result)


def namespace(name: str) -> dict[str, Any]:
    """All functions declared for a namespace."""
    return NAMES.get(name, {})
