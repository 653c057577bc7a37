"""torch._C: the switches of overrides that programs take from there."""

from __future__ import annotations

from typing import Any

from franken.core.overriding.dispatch import ALL_OFF, ON, SUBCLASSES_OFF, Switched
from franken.core.overriding.dispatch import (
    disabled_torch_function as _disabled_torch_function_impl,
)
from franken.core.state import STATE
from franken.overrides import (
    _is_torch_function_mode_enabled,
    _len_torch_function_stack,
)
from franken.overrides import _pop_mode as _pop_torch_function_stack
from franken.overrides import _push_mode as _push_on_torch_function_stack
from franken.overrides import has_torch_function as _has_torch_function
from franken.overrides import has_torch_function_unary as _has_torch_function_unary
from franken.overrides import has_torch_function_variadic as _has_torch_function_variadic
from franken.overrides import redispatch_function as _skip_one_hop_torch_function


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


__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass", "_disabled_torch_function_impl",
    "_has_torch_function", "_has_torch_function_unary", "_has_torch_function_variadic",
    "_is_torch_function_mode_enabled", "_len_torch_function_stack", "_pop_torch_function_stack",
    "_push_on_torch_function_stack", "_skip_one_hop_torch_function",
]  # fmt: skip
