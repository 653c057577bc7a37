"""torch._C: the names of torch's compiled core that programs touch; each is defined elsewhere."""

from __future__ import annotations

import enum
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
from franken.faces.overrides import (
    DisableTorchFunction as DisableTorchFunction,
)
from franken.faces.overrides import (
    DisableTorchFunctionSubclass as DisableTorchFunctionSubclass,
)
from franken.faces.overrides import (
    _disabled_torch_function_impl as _disabled_torch_function_impl,
)
from franken.faces.overrides import (
    _EnableTorchFunction as _EnableTorchFunction,
)
from franken.faces.overrides import (
    _get_function_stack_at as _get_function_stack_at,
)
from franken.faces.overrides import (
    _is_torch_function_all_disabled as _is_torch_function_all_disabled,
)
from franken.faces.overrides import (
    _is_torch_function_enabled as _is_torch_function_enabled,
)
from franken.faces.overrides import (
    _is_torch_function_mode_enabled as _is_torch_function_mode_enabled,
)
from franken.faces.overrides import (
    _len_torch_function_stack as _len_torch_function_stack,
)
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


def __getattr__(name: str) -> Any:
    raise missing("torch._C", name, globals())
