"""Public ops: from one function to all the forms that users call.

An op is one Python function whose signature is its schema. From it come `franken.name` (with
`out=`), `Tensor.name`, `Tensor.name_`, aliases and the registry entry; nothing is written twice.
Knows no particular op, and parses nothing at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import update_wrapper
from types import CodeType, FunctionType
from typing import Any

from franken.core import inplace as _inplace
from franken.core.calls.out import CAST, Into, call_into, refuse_cast, refuse_shared
from franken.core.calls.overloads import Order, reordered
from franken.core.geometry.arrange import arranger
from franken.core.node import titled
from franken.core.overriding.arming import ARMOURY, Carried, unarmed
from franken.core.overriding.foreign import Answered, again, guarded, misplaced
from franken.core.reread import REFUSALS
from franken.core.tensor import Tensor

OPS: dict[str, Op] = {}
NO_NAMES: dict[str, str] = {}
NAMES: dict[str, dict[str, Any]] = {}
SETTING = "a setting of the process"
# Functions of torch that are no tensor's business, though they are declared as ops.
_UNASKED = """
broadcast_shapes from_dlpack from_numpy is_grad_enabled is_inference_mode_enabled is_storage
is_tensor manual_seed seed set_grad_enabled typename
"""
UNASKED = frozenset(_UNASKED.split())
_PREFIXES = ("fft", "linalg", "special")  # in errors torch calls linalg.det linalg_det

Out = bool | Into  # True: the result is cast to the target
Samples = Callable[[Any], Iterable[Any]]
Title = str | tuple[str, str, str] | Callable[..., str | None]


class NoSamples:
    """Says why an op has no samples: the only alternative to having some."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Op:
    """A registered op. `function`, `method` and `inplace` are its forms (None where absent)."""

    __slots__ = (
        "aliases", "also", "at", "fn", "function", "inplace", "method", "name", "out", "prim",
        "samples", "schema_text",
    )  # fmt: skip

    def __init__(self, name: str, fn: Any, at: str) -> None:
        self.name, self.fn, self.at = name, fn, at
        self.function: Any = None
        self.method: Any = None
        self.inplace: Any = None
        self.prim: Any = None
        self.samples: Samples | NoSamples | None = None
        self.schema_text: str | None = None
        self.aliases: tuple[str, ...] = ()
        self.also: dict[str, str] = NO_NAMES
        self.out = False

    @property
    def schema(self) -> Any:
        """The parsed schema, from the declaration's text or its signature."""
        from franken.core.schema import parser, signature

        text = self.schema_text or signature.schema_text(self.name.rsplit(".", 1)[-1], self.fn)
        return parser.parse(text)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def op(
    at: str = "torch",
    *,
    name: str | None = None,
    method: bool | None = None,
    inplace: bool | str = False,
    out: Out = False,
    alias: tuple[str, ...] = (),
    also: dict[str, str] | None = None,
    samples: Samples | NoSamples | None = None,
    old: tuple[Order, ...] = (),
    title: Title | None = None,
    layout: str | None = None,
) -> Callable[[Any], Any]:
    """Declare a public op by its function; returns it (unchanged without `title` and `layout`).

    Args:
        at: namespace(s) of the function, separated by spaces: "torch", "nn.functional",
            "special", "linalg", "fft", ... or "" for a method only.
        method: also `Tensor.name`; by default, if `at` includes "torch".
        inplace: also `Tensor.name_` and, if `at` includes "torch", `torch.name_`; or what memory it
            may share with its other operands, as `memory` of `core.out.Into`.
        out: the function takes `out=`: True, or how it is written where that is not a plain cast
            (see `core.out`).
        alias: further names, "name" (same forms) or "space.name" (function only).
        old: deprecated orders of the arguments; see `core.overloads`.
        also: further names of arguments, {"A": "input"}; NumPy's names are understood anyway.
        samples: `samples(t)` gives calls `S(...)`, where `t` makes tensors; or NoSamples(why).
            See `ops.declaring.samples`.
        title: torch's name of the backward function, where the last primitive would have another
            one; (argument, name where that is a tensor, name where it is not); or a function of
            the call's arguments that gives it (None: the primitive's own).
        layout: how a new result lies in memory, a name of `core.planning.PLANNERS`, where that
            does not follow from the ops inside.
    """

    def declare(fn: Any) -> Any:
        if title is not None:
            fn = titled_form(fn, title)
        if layout is not None:
            fn = laid_out_form(fn, layout)
        taking = reordered(fn, old) if old else fn
        register(taking, name or fn.__name__, at, method, inplace, out, alias, samples, also=also)
        return fn

    return declare


def register(
    fn: Any,
    name: str,
    at: str = "torch",
    method: bool | None = None,
    inplace: bool | str = False,
    out: Out = False,
    alias: tuple[str, ...] = (),
    samples: Samples | NoSamples | None = None,
    inplace_fn: Any = None,
    also: dict[str, str] | None = None,
) -> Op:
    """Make the forms of an op; see `op`."""
    spaces = at.split()
    first = spaces[0] if spaces else "Tensor"
    made = Op(name if first in ("torch", "Tensor") else f"{first}.{name}", fn, at)
    made.samples, made.aliases, made.out = samples, alias, bool(out)
    made.also = also = also or NO_NAMES
    spoken = f"{first}_{name}" if first in _PREFIXES else name
    made.function = function_form(spoken, fn, out, also)
    made.function.__name__ = made.function.__qualname__ = name
    made.function.__module__ = "franken" if first == "torch" else f"franken.{first}"  # for pickle
    if method or (method is None and "torch" in spaces):
        other = also or "dim" in parameters(fn)
        made.method = spelled(fn, also) if other else guarded(fn, _kinds(fn))
    if inplace:
        own = inplace if isinstance(inplace, str) else "beside"
        shared = out.memory if isinstance(out, Into) else own
        made.inplace = inplace_fn or inplace_form(name, fn, also, shared)
    for short in (name, *[a for a in alias if "." not in a]):
        _publish(made, spaces, short)
    for full in alias:
        if "." in full:
            space, _, short = full.rpartition(".")
            NAMES.setdefault(space, {})[short] = _alias_form(made, space, short, out, also)
    if made.name in OPS:
        raise ValueError(f"op {made.name!r} is declared twice")
    OPS[made.name] = made
    ARMOURY.refresh()
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


# --- names of arguments --------------------------------------------------------------------------

# torch takes NumPy's names of these arguments wherever it has them.
_NUMPY = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input",
          "x2": "other"}  # fmt: skip


def parameters(fn: Any) -> tuple[str, ...]:
    """The names of the arguments that a function (or what it wraps) takes."""
    if type(fn) is FunctionType and not fn.__dict__:  # most: asked thousands of times at import
        return _named_in(unarmed(fn).__code__)
    inner = unarmed(fn)
    while hasattr(inner, "__wrapped__") and not hasattr(inner, "parameters"):
        inner = inner.__wrapped__
    said: tuple[str, ...] | None = getattr(inner, "parameters", None)  # it passes others on
    if said is not None:
        return said
    code = getattr(inner, "__code__", None)
    return () if code is None else _named_in(code)


def _kinds(fn: Any) -> list[Any]:
    """How the arguments after the first are annotated; None where they are not."""
    return [fn.__annotations__.get(name) for name in parameters(fn)[1:]]


def _named_in(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def renamed(kwargs: dict[str, Any], names: tuple[str, ...], also: dict[str, str]) -> dict[str, Any]:
    """Keyword arguments under the function's own names; unknown ones stay, for Python to refuse."""
    found = {}
    for key, value in kwargs.items():
        if key not in names:
            to = also.get(key) or _NUMPY.get(key)
            if to is None and key in ("input", "self"):
                to = names[0] if names else None  # what torch calls the first argument
            if to is not None and to in names and to not in kwargs:
                key = to
        found[key] = value
    return found


def spelled(fn: Any, also: dict[str, str]) -> Any:
    """`fn` taking other names of its arguments too: NumPy's and those of `also`."""
    names = parameters(fn)

    def spelling(*args: Any, **kwargs: Any) -> Any:
        for key in kwargs:
            if key not in names:
                kwargs = renamed(kwargs, names, also)
                break
        try:
            return fn(*args, **kwargs)
        except REFUSALS:
            return again(spelling, fn, args, kwargs)

    spelling.__name__ = spelling.__qualname__ = fn.__name__
    spelling.__doc__, spelling.__module__ = fn.__doc__, fn.__module__
    spelling.__wrapped__ = fn  # type: ignore[attr-defined]
    return spelling


class Signed:
    """What `inspect` finds behind a function form: its signature, read only when asked for."""

    __slots__ = ("__wrapped__", "first", "out")

    def __init__(self, fn: Any, out: bool, first: str | None) -> None:
        self.__wrapped__, self.out, self.first = fn, out, first

    @property
    def __signature__(self) -> Any:
        from franken.core.schema import signature

        return signature.public(self.__wrapped__, self.out, self.first)


def _alias_form(made: Op, space: str, short: str, out: Out, also: dict[str, str]) -> Any:
    """The op's function in another namespace; those of torch call their first argument `input`."""
    names = parameters(made.fn)
    if space != "torch" or not names or names[0] != "A":
        return made.function
    function = function_form(short, made.fn, out, also, "input")
    function.__module__ = "franken"
    return function


# --- forms ---------------------------------------------------------------------------------------


def titled_form(fn: Any, title: Title) -> Any:
    """`fn`, whose result's node is called `title`; see `op`."""
    if isinstance(title, tuple):
        title = _by_kind(fn, *title)

    def form(*args: Any, **kwargs: Any) -> Any:
        out = fn(*args, **kwargs)
        if isinstance(out, tuple) or (out._node is not None and out is not args[0]):
            found = title if isinstance(title, str) else title(*args, **kwargs)
            if found is not None:
                titled(out, found)
        return out

    return update_wrapper(form, fn)


def laid_out_form(fn: Any, layout: str) -> Any:
    """`fn`, whose new result lies in memory as `layout` says; see `op`."""
    arrange: Any = arranger(layout)

    def form(*args: Any, **kwargs: Any) -> Any:
        out = fn(*args, **kwargs)
        given = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        ours = not out.foreign and not out._bits and out._base is None
        if ours and not any(out is a or a.foreign for a in given):
            out._a = arrange([a._a for a in given], out._a, {})
        return out

    update_wrapper(form, fn)
    form.__wrapped__ = getattr(fn, "__wrapped__", fn)  # type: ignore[attr-defined]
    return form


def _by_kind(fn: Any, argument: str, tensor: str, other: str) -> Callable[..., str]:
    place = parameters(fn).index(argument)

    def title(*args: Any, **kwargs: Any) -> str:
        value = args[place] if len(args) > place else kwargs.get(argument)
        return tensor if isinstance(value, Tensor) else other

    return title


def function_form(
    name: str, fn: Any, out: Out, also: dict[str, str], first: str | None = None
) -> Any:
    """`franken.name`: the op with a checked first argument and, if it has one, `out=`."""
    names = parameters(fn)
    shown = first or (names[0] if names else "input")
    wants_tensor = _first_annotation(fn) == "Tensor" and not hasattr(fn, "orders")
    into = out if isinstance(out, Into) else CAST

    def function(*args: Any, **kwargs: Any) -> Any:
        if wants_tensor and args and not isinstance(args[0], Tensor):
            return misplaced(function, name, shown, args, kwargs)
        if kwargs:
            target = kwargs.pop("out", None) if out else None
            for key in kwargs:
                if key not in names:
                    kwargs = renamed(kwargs, names, also)
                    break
            if target is not None:
                try:
                    return call_into(name, fn, into, args, kwargs, target)
                except REFUSALS:
                    return again(function, None, args, {**kwargs, "out": target})
        try:
            return fn(*args, **kwargs)
        except REFUSALS:
            return again(function, fn, args, kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = fn.__doc__
    function.__module__ = fn.__module__
    function.__wrapped__ = Signed(fn, bool(out), first)  # type: ignore[attr-defined]
    return function


def _first_annotation(fn: Any) -> Any:
    names = parameters(fn)
    return fn.__annotations__.get(names[0]) if names else None


def inplace_form(
    name: str, fn: Any, also: dict[str, str] = NO_NAMES, shared: str = "beside"
) -> Any:
    """`Tensor.name_`: the op, then its result committed to the tensor; `shared` as in `Into`."""
    names = parameters(fn)

    def method(input: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        _inplace.check(input, name)
        for key in kwargs:
            if key not in names:
                kwargs = renamed(kwargs, names, also)
                break
        if args or kwargs:
            refuse_shared(input, (*args, *kwargs.values()), shared)
        try:
            result = fn(input, *args, **kwargs)
        except REFUSALS:
            public = getattr(Tensor, name + "_", method)
            result = again(public, fn, (input, *args), kwargs, Answered)
            if type(result) is Answered:
                return result.value
        return commit_as(input, result)

    method.__name__ = method.__qualname__ = name + "_"
    method.__doc__ = f"In-place form of `{name}`."
    method.__module__ = fn.__module__
    method.__wrapped__ = fn  # type: ignore[attr-defined]
    return method


def commit_as(x: Tensor, result: Any) -> Tensor:
    """Commit a result of another dtype to `x`, where torch allows the cast."""
    if not isinstance(x, Tensor):
        raise TypeError(f"argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    if not (x.foreign or result.foreign) and x._a.dtype is result._a.dtype:
        return _inplace.commit(x, result)
    if result.dtype is not x.dtype:
        refuse_cast(result.dtype, x.dtype)
        result = result.to(x.dtype)
    return _inplace.commit(x, result)


def _functions() -> Iterator[Carried]:
    """The functions that overrides are asked about: all but settings and questions of kind."""
    unasked = {
        made.function
        for made in OPS.values()
        if isinstance(made.samples, NoSamples) and made.samples.reason == SETTING
    }
    for space in list(NAMES.values()):
        for name, found in list(space.items()):
            if type(found) is FunctionType and found not in unasked and name not in UNASKED:
                yield found, found, False, False


ARMOURY.sources.append(_functions)


def namespace(name: str) -> dict[str, Any]:
    """All functions declared for a namespace."""
    return NAMES.get(name, {})
