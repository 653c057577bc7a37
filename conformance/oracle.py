"""The two sides of a comparison: torch, the oracle, and franken, the candidate.

Knows how to reach a public name on either side and how torch's test suite describes its ops.
Knows nothing of samples, checks or verdicts. Torch is imported here and nowhere else.
"""

from __future__ import annotations

import importlib
import types
import warnings
from collections.abc import Iterator
from typing import Any

# Names of torch's test suite that no program can call.
_PRIVATE = ("jiterator", "torch.ops")


class OracleMissing(Exception):
    """The oracle is absent or cannot be imported: nothing is proven."""


class Missing(Exception):
    """A module has no public callable of that name."""


class Side:
    """One library: its module, and what a comparison needs of it."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.name: str = module.__name__
        self.Tensor = module.Tensor

    def is_tensor(self, value: Any) -> bool:
        """Tell whether a value is this library's tensor."""
        return isinstance(value, self.Tensor)

    def seed(self, seed: int) -> None:
        """Seed the CPU generator alone: torch.manual_seed spends 1.5 ms on devices not there."""
        self.module.default_generator.manual_seed(seed)

    def grad(self, outs: Any, leaves: Any, cotangents: Any, create_graph: bool = False) -> Any:
        """Gradients of `outs` for `leaves`, None where there is none."""
        return self.module.autograd.grad(
            outs, leaves, cotangents, create_graph=create_graph, allow_unused=True
        )


def candidate() -> Side:
    """Return franken's side."""
    import franken

    warnings.simplefilter("ignore")
    return Side(franken)


def sides() -> tuple[Side, Side]:
    """Return (franken, torch); OracleMissing if torch cannot be imported."""
    try:
        import torch
    except (ImportError, OSError) as error:
        raise OracleMissing(f"torch cannot be imported: {error}") from error
    torch.set_num_threads(1)
    return candidate(), Side(torch)


def opinfos() -> Iterator[tuple[str, Any]]:
    """Yield (name, OpInfo) of torch's own test suite, for names that torch makes public."""
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    for info in op_db:
        if info.name.startswith(_PRIVATE):
            continue
        try:
            resolve(info, torch)
        except Missing:
            continue
        variant = info.variant_test_name
        yield (f"{info.name}.{variant}" if variant else info.name), info


def resolve(info: Any, module: Any) -> Any:
    """Find the callable that an OpInfo tests, in either library."""
    fn = info.op
    if isinstance(fn, types.FunctionType) and (fn.__module__ or "").startswith("torch.testing"):
        return rebind(fn, module)
    return public(info.name, module)


def public(name: str, module: Any) -> Any:
    """Find a function by its dotted name, or else the method of that name."""
    value: Any = module
    path = name.split(".")
    try:
        for depth, part in enumerate(path, 1):
            if not hasattr(value, part):
                value = importlib.import_module(".".join([module.__name__, *path[:depth]]))
            else:
                value = getattr(value, part)
        if callable(value) and not isinstance(value, type):
            return value
    except ImportError:
        pass
    method = getattr(module.Tensor, path[-1], None)
    if not callable(method):
        raise Missing(f"{module.__name__} has no {name}")
    return method


_rebound: dict[Any, Any] = {}


def _seeded(module: Any) -> Any:
    """What the suite wraps random ops in: the same seed before every call."""

    def call(op: Any, *args: Any, **kwargs: Any) -> Any:
        module.default_generator.manual_seed(42)
        return op(*args, **kwargs)

    return call


def rebind(fn: Any, module: Any) -> Any:
    """Give a function of torch's test suite whose global `torch` is `module`."""
    ours = isinstance(fn, types.FunctionType) and (fn.__module__ or "").startswith("torch.testing")
    if not ours or module.__name__ == "torch":
        return fn
    key = (fn, module.__name__)
    if key not in _rebound:
        names = dict(fn.__globals__, torch=module, wrapper_set_seed=_seeded(module))
        made = types.FunctionType(fn.__code__, names, fn.__name__, fn.__defaults__, fn.__closure__)
        made.__kwdefaults__ = fn.__kwdefaults__
        _rebound[key] = made
    return _rebound[key]
