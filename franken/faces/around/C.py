"""torch._C: the names of torch's compiled core that programs touch; each is defined elsewhere."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from typing import Any

from franken.autograd.grad_mode import set_grad_enabled
from franken.core import dtypes
from franken.core.device import device as device
from franken.core.geometry import layout as _layouts
from franken.core.geometry.size import Size as Size
from franken.core.op import namespace
from franken.core.tensor import Tensor
from franken.engine.function import Function as _Function
from franken.faces.around.jit import ScriptFunction as ScriptFunction
from franken.faces.around.jit import ScriptModule as ScriptModule
from franken.faces.spaces import missing
from franken.ops.sampling.generator import Generator as Generator
from franken.ops.surface.storage import UntypedStorage as StorageBase

__all__ = ["Generator", "Size", "StorageBase", "device", "dtype", "layout", "memory_format"]
_TensorBase = TensorBase = Tensor
_FunctionBase = _Function
dtype, layout, memory_format = dtypes.dtype, _layouts.layout, _layouts.memory_format
_has_mkl = _has_mkldnn = _has_cuda = _has_mps = _has_xpu = has_cuda = False
_GLIBCXX_USE_CXX11_ABI = True


DispatchKey = enum.Enum(  # type: ignore[misc]
    "DispatchKey",
    "Undefined CPU CUDA XPU MPS Meta Sparse SparseCPU SparseCUDA Python Functionalize "
    "BackendSelect "
    "Autograd AutogradCPU AutogradCUDA AutogradXPU AutogradMeta AutogradOther ADInplaceOrView "
    "AutocastCPU AutocastCUDA AutocastXPU AutocastMPS FuncTorchBatched FuncTorchVmapMode "
    "CompositeImplicitAutograd CompositeExplicitAutograd "
    "CompositeExplicitAutogradNonFunctional",
)


class DispatchKeySet:
    """A set of dispatch keys: names only, since ops are found in other ways."""

    def __init__(self, *keys: DispatchKey) -> None:
        self._keys = frozenset(keys)

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self._keys, *other._keys)

    def has(self, key: DispatchKey) -> bool:
        """Whether a key is in it."""
        return key in self._keys


class Graph:
    """A graph of TorchScript's: there are none."""


class Value:
    """A value in a graph of TorchScript's: there are none."""


Node = Block = Value


class _VariableFunctionsClass:
    """torch's functions as attributes of one object."""

    def __getattr__(self, name: str) -> Any:
        found = namespace("torch").get(name)
        if found is None:
            raise AttributeError(
                f"type object 'torch._C._VariableFunctions' has no attribute '{name}'", name=name
            )
        return found


_VariableFunctions = _VariableFunctionsClass()


def _get_tracing_state() -> None:
    """None: nothing is traced."""


def _log_api_usage_once(event: str) -> None:
    """Nothing is counted."""


_jit_clear_class_registry = _get_tracing_state
_set_grad_enabled = set_grad_enabled


def _is_tracing() -> bool:
    """False: nothing is traced."""
    return False


_jit_set_profiling_executor = _jit_set_profiling_mode = _log_api_usage_once
_jit_set_texpr_fuser_enabled = _jit_override_can_fuse_on_cpu = _log_api_usage_once


def _disabled_torch_function_impl(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Call a function as if no subclass had a say in it."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def DisableTorchFunctionSubclass() -> Iterator[None]:
    """A block in which subclasses of Tensor have no say."""
    yield


DisableTorchFunction = DisableTorchFunctionSubclass


def __getattr__(name: str) -> Any:
    raise missing("torch._C", name, globals())
