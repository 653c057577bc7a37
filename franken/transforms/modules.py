"""functional_call and stack_module_state: modules as functions of their state.

Knows a module's `_parameters`, `_buffers` and `named_*`; knows no op but stack.
Source: https://docs.pytorch.org/docs/stable/generated/torch.func.functional_call.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from franken.core.op import namespace
from franken.core.tensor import Tensor


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Call a module with other tensors in place of its parameters and buffers.

    Args:
        parameter_and_buffer_dicts: {name: tensor}, or several such with no name in common.
        args: positional argument(s); a single one needs no tuple.
        tie_weights: replacing one of several names of a shared tensor replaces all of them.
        strict: the names must be exactly those of the module.
    """
    given = _merged(parameter_and_buffer_dicts)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, (list, tuple)):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    keys = [k for d in dicts for k in d]
    repeated = [k for i, k in enumerate(keys) if k in keys[:i]]
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {k: v for d in dicts for k, v in d.items()}


def _own_names(module: Any) -> dict[str, Any]:
    named = dict(module.named_parameters(remove_duplicate=False))
    named.update(module.named_buffers(remove_duplicate=False))
    return named


def _tied(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The given tensors under every name of the tensor that they replace."""
    names: dict[int, list[str]] = {}
    for name, t in own.items():
        names.setdefault(id(t), []).append(name)
    out = dict(given)
    for group in names.values():
        values = {id(given[n]): given[n] for n in group if n in given}
        if len(values) > 1:
            raise ValueError(
                "functional_call got multiple values for keys "
                f"{sorted(n for n in group if n in given)}, "
                "which are tied. Consider using tie_weights=False"
            )
        for value in values.values():
            out.update(dict.fromkeys(group, value))
    return out


def _check_strict(module: Any, own: dict[str, Any], given: dict[str, Any]) -> None:
    unexpected, missing = sorted(set(given) - set(own)), sorted(set(own) - set(given))
    if not (unexpected or missing):
        return
    lines = [f"Error(s) in reparametrizing for {type(module).__name__}:"]
    for title, names in (("Unexpected", unexpected), ("Missing", missing)):
        if names:
            lines.append(f"\t{title} key(s): {', '.join(map(repr, names))}.")
    raise RuntimeError("\n".join(lines))


@contextmanager
def _swapped(module: Any, given: dict[str, Any], tie: bool, strict: bool) -> Iterator[None]:
    own = _own_names(module)
    wanted = _tied(own, given) if tie else given
    if strict:
        _check_strict(module, own, wanted)
    undo: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, value in wanted.items():
            table, last = _table(module, name)
            if table is None:
                continue
            undo.append((table, last, table[last]))
            table[last] = value
        yield
    finally:
        for table, last, value in reversed(undo):
            table[last] = value


def _table(module: Any, path: str) -> tuple[Any, str]:
    """The dictionary that holds a parameter or buffer, and its key there; None if unknown."""
    *parents, last = path.split(".")
    for part in parents:
        module = module._modules.get(part)
        if module is None:
            return None, last
    for table in (module._parameters, module._buffers):
        if last in table:
            return table, last
    return None, last


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stack the parameters and buffers of models of one class along a new first dimension."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(m.training is not models[0].training for m in models):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(name: str, tensors: list[Tensor]) -> Any:
        needs = {t.requires_grad for t in tensors}
        if len(needs) > 1:
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        return namespace("torch")["stack"](tensors).detach().requires_grad_(needs.pop())

    params = {k: stacked(k, [dict(m.named_parameters())[k] for m in models])
              for k, _ in models[0].named_parameters()}  # fmt: skip
    buffers = {k: stacked(k, [dict(m.named_buffers())[k] for m in models])
               for k, _ in models[0].named_buffers()}  # fmt: skip
    return params, buffers


__all__ = ["functional_call", "stack_module_state"]
