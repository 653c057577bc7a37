"""Parametrizations: a parameter computed by modules from other parameters.

The module's class becomes a subclass with one property a parametrized name; the originals and the
modules live in `module.parametrizations[name]`.
Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import franken
from franken import Tensor
from franken.nn.modules.container import ModuleDict, ModuleList
from franken.nn.modules.module import Module
from franken.nn.parameter import Parameter

_cache_depth = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor at most once inside."""
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The modules that compute one tensor, and its original(s)."""

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        kind = _Kind.of(original)
        new = self._inverted(original)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(f"'right_inverse' must return {_SOME}. Got {type(new).__name__}")
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            _same_type_and_place(original, new)
            _take_over(original, new)
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                _register(self, f"original{i}", _part(original, part, i))
        if not unsafe:
            kind.kept_by(_only_tensor(self()), _REGISTERED)

    def _inverted(self, value: Any) -> Any:
        """What the parametrized value is computed from; an inverse that is missing is identity."""
        module: Any
        with franken.no_grad():
            for module in reversed(list(self)):
                try:
                    value = module.right_inverse(value) if _has_inverse(module) else value
                except NotImplementedError:
                    continue  # which a class says of some of its settings
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value` (or close to it)."""
        module: Any
        with franken.no_grad():
            for module in reversed(list(self)):
                if not _has_inverse(module):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                self._set_one(value)
            else:
                self._set_several(value)

    def _set_one(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        _same_dtype(value, self.original, "The tensor", "original")
        _take_over(self.original, value)

    def _set_several(self, values: Any) -> None:
        if not isinstance(values, Sequence):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors. Got {type(values).__name__}."
            )
        if len(values) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(values)}."
            )
        for i, value in enumerate(values):
            name = f"original{i}"
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors or reference-type opaques. "
                    f"Got element {i} of type {type(value).__name__}."
                )
            _same_dtype(value, getattr(self, name), f"Tensor {i}", name)
            _take_over(getattr(self, name), value)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *rest = self
        if self.is_tensor:
            x = first(self.original)
        else:
            x = first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in rest:
            x = module(x)
        return x


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _take_over(old: Tensor, new: Tensor) -> None:
    old.data = new.data


# --- what a parametrization may not change --------------------------------------------------------

_SOME = "a Tensor or a Sequence of tensors (list, tuple...)"
_REGISTERED = (
    "Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag "
    "is enabled.\nunparametrized {what}: {old}\nparametrized {what}: {new}"
)
_APPENDED = (
    "Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` "
    "flag is enabled.\nmodule.{name}.{what}: {old}\n"
    "parametrization(module.{name}).{what}: {new}"
)
_INVERTED = (
    "The tensor returned by parametrization.right_inverse must have the same {what} as "
    "module.{name}, unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {old}\n"
    "returned {what}: {new}"
)


class _Kind(NamedTuple):
    """A tensor's dtype and shape, kept apart from it, since originals take over others' memory."""

    dtype: Any
    shape: Any

    @staticmethod
    def of(tensor: Tensor) -> _Kind:
        return _Kind(tensor.dtype, tensor.shape)

    def kept_by(self, tensor: Tensor, words: str, name: str = "") -> None:
        """Raise ValueError in these words if the tensor's dtype or shape is another."""
        for what, old, new in zip(self._fields, self, _Kind.of(tensor), strict=True):
            if old != new:
                raise ValueError(words.format(what=what, old=old, new=new, name=name))


def _has_inverse(module: Any) -> bool:
    return hasattr(module, "right_inverse")


def _only_tensor(result: Any) -> Tensor:
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    return result


def _same_type_and_place(original: Tensor, new: Tensor) -> None:
    for what in ("dtype", "device"):
        if getattr(original, what) != getattr(new, what):
            raise ValueError(
                f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                f"original.{what}: {getattr(original, what)}\n"
                f"right_inverse(original).{what}: {getattr(new, what)}"
            )


def _same_dtype(value: Tensor, original: Tensor, what: str, name: str) -> None:
    if value.dtype != original.dtype:
        raise ValueError(
            f"{what} returned by `right_inverse` has dtype {value.dtype} while `{name}` has dtype "
            f"{original.dtype}"
        )


def _part(original: Tensor, part: Any, i: int) -> Tensor:
    """One of several originals, a parameter if the tensor was one."""
    if not isinstance(part, Tensor):
        raise ValueError(
            f"'right_inverse' must return {_SOME}. Got element {i} of the sequence with type "
            f"{type(part).__name__}."
        )
    made = Parameter(part) if isinstance(original, Parameter) else part
    return made.requires_grad_(original.requires_grad)


def _inject_class(module: Module) -> None:
    """Give the module a class of its own, in which properties can be put."""
    base = type(module)

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()."
        )

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        made = self.__new__(type(self))
        memo[id(self)] = made
        made.__dict__ = deepcopy(self.__dict__, memo)
        return made

    members: dict[str, Any] = {"__getstate__": getstate}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = copied
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def _inject_property(module: Module, name: str) -> None:
    def value(self: Any) -> Tensor:
        made = self.parametrizations[name]
        if not _cache_depth:
            return made()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = made()
        return _cache[key]

    def assign(self: Any, new: Tensor) -> None:
        self.parametrizations[name].right_inverse(new)

    setattr(type(module), name, property(value, assign))


def register_parametrization(
    module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute `module.tensor_name` by `parametrization` from an original from now on.

    >>> import franken as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).mT
    >>> layer = register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.mT).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with "  # noqa: E501
            f"name '{tensor_name}'"
        )
    return module


def _append(module: Any, tensor_name: str, parametrization: Any, unsafe: bool) -> None:
    listed = module.parametrizations[tensor_name]
    if not unsafe:
        current = getattr(module, tensor_name)
        kind, made = _Kind.of(current), _only_tensor(parametrization(current))
        kind.kept_by(made, _APPENDED, tensor_name)
        if _has_inverse(parametrization):
            _check_inverse(parametrization, made, kind, tensor_name)
    listed.append(parametrization)
    listed.unsafe |= unsafe


def _check_inverse(parametrization: Any, made: Tensor, kind: _Kind, name: str) -> None:
    try:
        back = parametrization.right_inverse(made)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(
            f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}"
        )
    kind.kept_by(back, _INVERTED, name)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors (or a certain one)."""
    found = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(
    module: Any, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Undo the parametrizations of a tensor; it keeps its present value if left parametrized."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    listed = module.parametrizations[tensor_name]
    if listed.is_tensor:
        original = listed.original
        if leave_parametrized:
            with franken.no_grad():
                _take_over(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class as it was before parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Any, to_module: Any, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations (and originals) of `from_module`."""
    names = [tensor_name] if tensor_name is not None else list(from_module.parametrizations)
    for name in names:
        if not is_parametrized(from_module, name):
            continue
        listed = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for module in listed:
            register_parametrization(to_module, name, deepcopy(module), unsafe=listed.unsafe)
        mine = to_module.parametrizations[name]
        keys = (
            ["original"] if listed.is_tensor else [f"original{i}" for i in range(listed.ntensors)]
        )
        for key in keys:
            setattr(mine, key, getattr(listed, key))
    return to_module


__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]  # fmt: skip
