"""torch.overrides: `__torch_function__` of types and modes, and which functions ask them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, wraps
from types import FunctionType
from typing import Any

from franken.core.op import NAMES
from franken.core.overriding.arming import ARMOURY
from franken.core.overriding.dispatch import (
    ALL_OFF,
    ON,
    SUBCLASSES_OFF,
    Switched,
    ask,
    asked,
    disabled_torch_function,
    overloaded,
)
from franken.core.overriding.names import member_name
from franken.core.state import STATE
from franken.core.tensor import Tensor

__all__ = [
    "get_ignored_functions", "get_overridable_functions", "get_testing_overrides",
    "handle_torch_function", "has_torch_function", "resolve_name", "is_tensor_like",
    "is_tensor_method_or_property", "wrap_torch_function", "enable_reentrant_dispatch",
    "redispatch_function",
]  # fmt: skip

# Functions that take no tensor, or make what they are given one: no argument is asked.
_IGNORED_WORDS = """
_conj _make_subclass _make_wrapper_subclass _neg_view _typed_storage arange
are_deterministic_algorithms_enabled as_strided as_subclass as_tensor asarray bartlett_window
blackman_window broadcast_shapes can_cast compile constant device dirac empty empty_permuted
empty_strided eye fill fft_fftfreq fft_rfftfreq finfo frombuffer from_file from_numpy full
get_default_device get_default_dtype get_deterministic_debug_mode get_float32_matmul_precision
get_num_interop_threads get_num_threads get_rng_state hamming_window hann_window hardsigmoid
hardswish iinfo initial_seed is_anomaly_check_nan_enabled is_anomaly_enabled
is_deterministic_algorithms_warn_only_enabled is_grad_enabled is_inference_mode_enabled is_storage
is_tensor is_vulkan_available is_warn_always_enabled kaiser_window linspace load logspace
manual_seed new new_empty new_empty_strided new_full new_ones new_tensor new_zeros normal ones
promote_types rand rand_like randint randint_like randn randn_like randperm range result_type save
scalar_tensor seed set_anomaly_enabled set_default_device set_default_tensor_type
set_deterministic_debug_mode set_float32_matmul_precision set_flush_denormal set_grad_enabled
set_num_interop_threads set_num_threads set_printoptions set_rng_state set_warn_always sigmoid
sparse_coo_tensor stride tanh tensor to_sparse_coo tril_indices triu_indices typename unflatten
upsample upsample_bilinear upsample_nearest use_deterministic_algorithms vander vmap zeros
__delitem__ __dir__ __hash__ __init__ __init_subclass__ __iter__ __new__ __torch_function__
fftfreq rfftfreq
"""
_IGNORED = frozenset(_IGNORED_WORDS.split())
_SPACES = {
    "torch": "franken", "nn.functional": "franken.nn.functional", "linalg": "franken.linalg",
    "fft": "franken.fft", "special": "franken.special",
}  # fmt: skip
# Ignored in one place alone, asked elsewhere.
_ONLY_IN = {"sigmoid": "nn.functional", "tanh": "nn.functional", "unflatten": "Tensor",
            "hardsigmoid": "nn.functional", "hardswish": "nn.functional",
            "as_strided": "torch", "vander": "torch", "stride": "Tensor"}  # fmt: skip


# --- asking --------------------------------------------------------------------------------------


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a mode is active or one of the arguments has an override.

    >>> import franken as torch
    >>> torch.overrides.has_torch_function((torch.ones(2), 3))
    False
    """
    if STATE.functions_off == ALL_OFF:
        return False
    if STATE.function_modes:
        return True
    return not STATE.functions_off and bool(asked(tuple(relevant_args), {}))


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of arguments given one by one."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """What the innermost mode or the relevant arguments answer in the place of `public_api`.

    TypeError if all of them return NotImplemented.
    """
    found = overloaded(relevant_args)
    name = f"{public_api.__module__}.{public_api.__name__}"
    types = tuple([type(f) for f in found])
    return ask(public_api, name, types, args, kwargs, found, True)


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[[Any], Any]:
    """Let a function ask the arguments that `dispatcher(*args, **kwargs)` gives.

    >>> def first(a): return (a,)
    >>> @wrap_torch_function(first)
    ... def double(a): return a + a
    >>> double(2)
    4
    """

    def inner(func: Any) -> Any:
        @wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


def redispatch_function(func: Any, types: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """Call a function past its own question, so that those which it calls are asked."""
    STATE.functions_skip = True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        STATE.functions_skip = False


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """A block in a `__torch_dispatch__` whose ops are dispatched again."""
    with nullcontext():
        yield


# --- modes ---------------------------------------------------------------------------------------


class TorchFunctionMode:
    """A block whose public functions ask its `__torch_function__` first, whatever they are given.

    >>> import franken as torch
    >>> class Named(TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> with Named():
    ...     _ = torch.ones(2) + 1
    ones
    add
    """

    inner: TorchFunctionMode

    def __init__(self) -> None:
        pass

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The answer to a call of `func`; NotImplemented to leave it to the next one asked."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        _push_mode(self)
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        _pop_mode()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance, to be entered."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that does what is done without it."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The call itself."""
        return func(*args, **(kwargs or {}))


def _push_mode(mode: Any) -> None:
    STATE.function_modes.append(mode)
    ARMOURY.want(1)


def _pop_mode() -> Any:
    mode = STATE.function_modes.pop()
    ARMOURY.want(-1)
    return mode


@contextmanager
def _pop_mode_temporarily() -> Iterator[Any]:
    mode = STATE.function_modes.pop()
    try:
        yield mode
    finally:
        STATE.function_modes.append(mode)


def _len_torch_function_stack() -> int:
    return len(STATE.function_modes)


def _get_current_function_mode() -> Any:
    return STATE.function_modes[-1] if STATE.function_modes else None


def _get_current_function_mode_stack() -> list[Any]:
    return list(STATE.function_modes)


def _is_torch_function_mode_enabled() -> bool:
    return bool(STATE.function_modes) and STATE.functions_off != ALL_OFF


# --- switches (torch._C's) ------------------------------------------------------------------------


class DisableTorchFunctionSubclass(Switched):
    """A block in which `__torch_function__` of subclasses is not asked."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(max(SUBCLASSES_OFF, STATE.functions_off))


class DisableTorchFunction(Switched):
    """A block in which neither subclasses nor modes are asked."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(ALL_OFF)


class _EnableTorchFunction(Switched):
    """A block in which all are asked again."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(ON)


def _is_torch_function_enabled() -> bool:
    return STATE.functions_off == ON


def _is_torch_function_all_disabled() -> bool:
    return STATE.functions_off == ALL_OFF


def _get_function_stack_at(index: int) -> Any:
    return STATE.function_modes[index]


# --- which functions ask -------------------------------------------------------------------------


def is_tensor_like(inp: Any) -> bool:
    """Whether a value is a tensor or has an override.

    >>> is_tensor_like(3)
    False
    """
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor or reads one of its properties.

    >>> is_tensor_method_or_property(Tensor.add)
    True
    """
    return getattr(func, "__name__", "") == "__get__" or member_name(func) is not None


@cache
def _index() -> tuple[dict[Any, list[Any]], dict[Any, str], set[Any]]:
    """(functions by their place, their names, those that ask nobody)."""
    places: dict[Any, list[Any]] = {}
    names: dict[Any, str] = {}
    ignored: set[Any] = set()
    for space, where in _SPACES.items():
        module = importlib.import_module(where)
        for name, func in NAMES.get(space, {}).items():
            if name[0] == "_" or not isinstance(func, FunctionType):
                continue
            if _is_ignored(name, space):
                ignored.add(func)
                continue
            places.setdefault(module, []).append(func)
            names.setdefault(func, f"torch.{name}" if space == "torch" else f"torch.{space}.{name}")
    for name, value in vars(Tensor).items():
        if type(value) is property:
            places[value] = [value.__get__]
            names[value.__get__] = f"torch.Tensor.{name}.__get__"
            names[value.__set__] = f"torch.Tensor.{name}.__set__"
        elif callable(value) and (name[0] != "_" or name[:2] == "__"):
            if _is_ignored(name, "Tensor"):
                ignored.add(value)
            elif name not in dir(object) or name in ("__eq__", "__repr__", "__format__"):
                places.setdefault(Tensor, []).append(value)
                names.setdefault(value, f"torch.Tensor.{name}")
    return places, names, ignored


def _is_ignored(name: str, space: str) -> bool:
    return name in _IGNORED and _ONLY_IN.get(name, space) == space


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The public functions that ask overrides, by module, Tensor or property."""
    return {place: list(found) for place, found in _index()[0].items()}


def get_ignored_functions() -> set[Callable[..., Any]]:
    """The public functions that ask nobody.

    >>> import franken as torch
    >>> torch.zeros in get_ignored_functions()
    True
    """
    return set(_index()[2])


@cache
def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For each function that asks overrides, one of the same signature that returns -1.

    >>> import franken as torch
    >>> get_testing_overrides()[torch.add](1, 2)
    -1
    """
    found: dict[Any, Any] = {}
    for place, functions in _index()[0].items():
        for func in functions:
            found[func] = _dummy(func, place is Tensor)
    return found


def _dummy(func: Any, is_method: bool) -> Any:
    if getattr(func, "__name__", "") == "__get__":
        return lambda self: -1
    signature = inspect.signature(func)
    arguments = list(signature.parameters.values())
    if is_method and arguments:
        arguments[0] = arguments[0].replace(name="self")
        signature = signature.replace(parameters=arguments)

    def override(*args: Any, **kwargs: Any) -> int:
        signature.bind(*args, **kwargs)
        return -1

    override.__signature__ = signature  # type: ignore[attr-defined]
    return override


def resolve_name(f: Any) -> str | None:
    """The name of a public function, which evaluates to it; None for any other.

    >>> resolve_name(Tensor.add)
    'torch.Tensor.add'
    """
    try:
        return _index()[1].get(f)
    except TypeError:
        return None


_disabled_torch_function_impl = disabled_torch_function
