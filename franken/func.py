"""torch.func: function transforms, and staging (`make_graph`).

Collects names; the work is done in `franken.transforms`.
Source: https://docs.pytorch.org/docs/stable/func.api.html
"""

from __future__ import annotations

from typing import Any

from franken.transforms.api import grad, grad_and_value, jvp, vjp, vmap
from franken.transforms.graph import Graph
from franken.transforms.jacobians import hessian, jacfwd, jacrev
from franken.transforms.modules import functional_call, stack_module_state
from franken.transforms.stage import linearize, make_graph


def make_fx(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a function that stages `f` on example arguments, as torch.fx users spell it.

    The result is a Graph: callable, with `.code`. Options of torch's make_fx raise TypeError.
    """
    if args or kwargs:
        raise TypeError(f"make_fx() takes no options here, got {[*args, *kwargs]}")
    return make_graph(f)


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """The value under a traced tensor (of all levels with `recurse`); only for looking at."""
    while tensor.level:
        tensor = tensor._a
        if not recurse:
            break
    return tensor


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Make every batch norm of a module use batch statistics only; returns the module.

    >>> import franken
    >>> replace_all_batch_norm_modules_(franken.nn.BatchNorm1d(2)).running_mean is None
    True
    """
    from franken.nn.modules.batchnorm import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


__all__ = [
    "Graph", "debug_unwrap", "functional_call", "grad", "grad_and_value", "hessian", "jacfwd",
    "jacrev", "jvp", "linearize", "make_fx", "make_graph",
    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
