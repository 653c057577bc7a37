"""The process-wide settings of torch's top level: threads, determinism, precision, defaults.

Everything here is deterministic always, so the switches for that are remembered and change nothing.
"""

from __future__ import annotations

import warnings
from typing import Any

from franken.core import device as devices
from franken.core import dtypes
from franken.core.device import CPU, device
from franken.core.once import ONCE
from franken.core.op import op
from franken.core.state import FRESH
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import NoSamples, S

_STATE: dict[str, Any] = {
    "warn_only": False, "matmul": "highest",
    "interop": None, "fill": True,
}  # fmt: skip
_DEBUG_MODES = ("default", "warn", "error")
pi, e, inf, nan = 3.141592653589793, 2.718281828459045, float("inf"), float("nan")
newaxis = None


@op(method=False, samples=NoSamples("a setting of the process"))
def get_num_threads() -> int:
    """The number of threads that CPU kernels may use."""
    from franken.backends.numpy import parallel

    return parallel.get_num_threads()


@op(method=False, samples=NoSamples("a setting of the process"))
def set_num_threads(int: Any) -> None:
    """Set the number of threads that CPU kernels may use; results do not depend on it."""
    from franken.backends.numpy import parallel

    if not isinstance(int, _int) or isinstance(int, _bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(int).__name__}")
    if int <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    parallel.set_num_threads(int)


_int, _bool = int, bool


@op(method=False, samples=NoSamples("a setting of the process"))
def get_num_interop_threads() -> int:
    """The number of threads between ops: ops run one after the other, so what was set, or 1."""
    return _STATE["interop"] or 1


@op(method=False, samples=NoSamples("a setting of the process"))
def set_num_interop_threads(int: Any) -> None:
    """Remember a number of threads between ops."""
    if int <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _STATE["interop"] = int


@op(method=False, samples=NoSamples("a setting of the process"))
def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remember the wish (every op is deterministic anyhow) and mark memory nobody has written."""
    if not isinstance(mode, _bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not "
            f"{type(mode).__name__}"
        )
    FRESH.deterministic, _STATE["warn_only"] = mode, mode and warn_only


@op(method=False, samples=NoSamples("a setting of the process"))
def are_deterministic_algorithms_enabled() -> bool:
    """What use_deterministic_algorithms was last given."""
    return FRESH.deterministic


@op(method=False, samples=NoSamples("a setting of the process"))
def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What use_deterministic_algorithms was last given as warn_only."""
    return _STATE["warn_only"]


@op(method=False, samples=NoSamples("a setting of the process"))
def get_deterministic_debug_mode() -> int:
    """0 default, 1 warn, 2 error."""
    return (1 if _STATE["warn_only"] else 2) if FRESH.deterministic else 0


@op(method=False, samples=NoSamples("a setting of the process"))
def set_deterministic_debug_mode(debug_mode: Any) -> None:
    """Set both determinism switches by one word or number."""
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


@op(method=False, samples=NoSamples("a setting of the process"))
def get_float32_matmul_precision() -> str:
    """The remembered precision; products of float32 are always computed in float32."""
    return _STATE["matmul"]


@op(method=False, samples=NoSamples("a setting of the process"))
def set_float32_matmul_precision(precision: str) -> None:
    """Remember a precision; lower ones allow, but do not force, coarser products."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=3,
        )
        return
    _STATE["matmul"] = precision


@op(method=False, samples=NoSamples("a setting of the process"))
def set_warn_always(b: bool) -> None:
    """Remember whether repeated warnings are wanted (Python's filters decide)."""
    ONCE.always = b


@op(method=False, samples=NoSamples("a setting of the process"))
def is_warn_always_enabled() -> bool:
    """What set_warn_always was last given."""
    return ONCE.always


@op(method=False, samples=NoSamples("a setting of the process"))
def set_flush_denormal(mode: bool) -> bool:
    """False: denormal numbers cannot be flushed here."""
    return False


@op(method=False, samples=NoSamples("a setting of the process"))
def get_default_device() -> devices.device:
    """The device of tensors that are made without one."""
    return devices.current()


@op(method=False, samples=NoSamples("a setting of the process"))
def set_default_device(device: Any) -> None:
    """Set the device of tensors that are made without one (None: cpu)."""
    devices.set_default(device)


@op(method=False, samples=NoSamples("a setting of the process"))
def set_default_tensor_type(t: Any) -> None:
    """Set default dtype and device by an old type name (deprecated)."""
    from franken.ops.surface.legacy import parse_type, tensortype, type_name

    if not isinstance(t, (str, tensortype)):
        raise TypeError(
            "invalid type object: only floating-point types are supported as the default type"
        )
    name = t if isinstance(t, str) else type_name(t.dtype, device("cuda") if t.is_cuda else CPU)
    first = name.partition(".")[0]
    if first != "torch":
        raise ModuleNotFoundError(f"No module named {first!r}", name=first)
    try:
        d, dev = parse_type(name)
    except ValueError:
        raise AttributeError(
            f"module 'torch' has no attribute {name.rpartition('.')[2]!r}"
        ) from None
    dtypes.set_default_dtype(d)
    devices.set_default(dev)


@op(method=False, samples=lambda t: [S(3), S([1])])
def typename(obj: Any) -> str:
    """A value's type as torch names it: torch.FloatTensor, int ..."""
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[attr-defined,no-any-return]
    from franken.faces.names import torch_name

    named = obj if getattr(obj, "__qualname__", None) else type(obj)
    theirs = torch_name(named)
    if theirs is not None:
        return ".".join(theirs)
    module = getattr(named, "__module__", None) or ""
    prefix = "" if module in ("builtins", "__builtin__", "") else module + "."
    return prefix + str(named.__qualname__)
