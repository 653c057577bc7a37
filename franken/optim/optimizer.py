"""`Optimizer`: parameter groups, per-parameter state, state dicts and hooks.

Knows the torch face only; each optimizer says how one group is stepped.
Source: https://docs.pytorch.org/docs/stable/optim.html
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import franken
from franken import Tensor
from franken.faces.inner import RemovableHandle
from franken.nn.hooks import Hooks, add
from franken.nn.modules.module import _typename

required = object()
_ACCELERATORS = ("cuda", "xpu", "hpu", "privateuseone", "xla")
_global_pre: Hooks = Hooks()
_global_post: Hooks = Hooks()


def register_optimizer_step_pre_hook(hook: Any) -> RemovableHandle:
    """Register a hook that runs before every optimizer's step."""
    return add(_global_pre, hook)


def register_optimizer_step_post_hook(hook: Any) -> RemovableHandle:
    """Register a hook that runs after every optimizer's step."""
    return add(_global_post, hook)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a class's `step` with the pre and post hooks."""

    @functools.wraps(step)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        for hook in (*_global_pre.values(), *self._optimizer_step_pre_hooks.values()):
            got = hook(self, args, kwargs)
            if got is not None:
                if not (isinstance(got, tuple) and len(got) == 2):
                    raise RuntimeError(
                        f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {got}."  # noqa: E501
                    )
                args, kwargs = got
        out = step(self, *args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post.values()):
            hook(self, args, kwargs)
        return out

    wrapper.hooked = True  # type: ignore[attr-defined]
    return wrapper


class Optimizer:
    """Base class of all optimizers: subclass it and write `step_group`.

    Args:
        params: parameters, (name, parameter) pairs, or dicts of a group's parameters and options.
        defaults: options that groups do not give.
    """

    # Options that files of older versions lack, with the values they stand for.
    added: dict[str, Any] = {"foreach": None, "maximize": False, "differentiable": False}
    # State that is a number in such files and a tensor now.
    counts: tuple[str, ...] = ("step",)
    # What torch calls its capturable tensors, and the devices it names: one step, foreach.
    refuses_foreach = True
    captured = ("params and state_steps", "params and state_steps")
    capturing: tuple[tuple[str, ...], tuple[str, ...]] = (_ACCELERATORS, _ACCELERATORS[:-1])

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {_typename(params)}"
            )
        self.defaults = defaults
        self._optimizer_step_pre_hooks: Any = Hooks()
        self._optimizer_step_post_hooks: Any = Hooks()
        self._optimizer_state_dict_pre_hooks: Any = Hooks()
        self._optimizer_state_dict_post_hooks: Any = Hooks()
        self._optimizer_load_state_dict_pre_hooks: Any = Hooks()
        self._optimizer_load_state_dict_post_hooks: Any = Hooks()
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        if defaults.get("fused"):
            if defaults.get("differentiable"):
                raise RuntimeError("`fused` does not support `differentiable`")
            if defaults.get("foreach"):
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None and not hasattr(step, "hooked"):
            cls.step = _hooked(step)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post",
                     "load_state_dict_pre", "load_state_dict_post"):  # fmt: skip
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", Hooks())
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for option, value in self.added.items():
                group.setdefault(option, value)
            for p in group["params"]:
                self._modernize(self.state.get(p))

    def _modernize(self, state: dict[str, Any] | None) -> None:
        """Make the counts of a loaded state tensors."""
        if state:
            for key in self.counts:
                if not isinstance(state[key], Tensor):
                    state[key] = franken.tensor(float(state[key]), dtype=count_dtype())

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {k}: {group[k]}\n" for k in sorted(group) if k != "params")
        return text + ")"

    # --- groups --------------------------------------------------------------------------------
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: {"params": ..., option: value, ...}."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = param_group
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = list(params)
        named = [isinstance(p, tuple) for p in params]
        if any(named):
            if not all(named):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are missing"  # noqa: E501
                )
            group["param_names"] = [n for n, _ in params]
            params = [p for _, p in params]
        for p in params:
            self._check_param(p)
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see https://github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=3,
            )
        group["params"] = params
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"  # noqa: E501
                )
            group.setdefault(name, default)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        if known & {id(p) for p in params}:
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    def _check_param(self, p: Any) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}"
            )
        if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget (or zero) the gradients of all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters; `closure` re-evaluates the loss, which is returned."""
        loss = None
        if closure is not None:
            with franken.enable_grad():
                loss = closure()
        with franken.set_grad_enabled(self.defaults.get("differentiable", False)):
            for group in self.param_groups:
                params = [p for p in group["params"] if getattr(p, "_grad", None) is not None]
                if params:
                    if group.get("capturable") or group.get("fused") or group.get("foreach"):
                        self._check_way(group, params)
                    if not self.sparse:
                        self._refuse_sparse(params)
                    for part in _by_device(params):
                        self.step_group(group, part, [p._grad for p in part])
        return loss

    # Whether gradients may be sparse; and what is said where they may not.
    sparse = False

    def _refuse_sparse(self, params: list[Any]) -> None:
        if any(p._grad.foreign and p._grad.is_sparse for p in params):
            kinds = [k.__name__ for k in type(self).__mro__]
            name = "Adam" if "Adam" in kinds else kinds[0]
            instead = ", please consider SparseAdam instead" if name == "Adam" else ""
            raise RuntimeError(f"{name} does not support sparse gradients{instead}")

    def _check_way(self, group: dict[str, Any], params: list[Any]) -> None:
        """Refuse what torch refuses of the ways to step that its options name."""
        foreach = bool(group["foreach"])
        if foreach and group.get("differentiable") and self.refuses_foreach:
            raise AssertionError("_foreach ops don't support autograd")
        captured = group.get("capturable") and not group.get("fused")
        if captured and any(p.device.type not in _ACCELERATORS for p in params):
            raise AssertionError(
                f"If capturable=True, {self.captured[foreach]} must be on supported devices: "
                f"{list(self.capturing[foreach])}."
            )
        odd = next((p for p in params if not p.is_floating_point()), None)
        if group.get("fused") and odd is not None:
            raise RuntimeError(
                "`fused=True` requires all the params to be floating point Tensors of supported "
                "devices: ['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'] but "
                f"{odd.dtype} and {odd.device.type}"
            )

    step = _hooked(step)

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group's parameters that have gradients."""
        raise NotImplementedError

    # --- state dicts ---------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """State and groups, with parameters numbered in order."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}

        def packed(group: dict[str, Any]) -> dict[str, Any]:
            out = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            out["params"] = [numbers[id(p)] for p in group["params"]]
            return out

        groups = [packed(g) for g in self.param_groups]
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        out = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            got = hook(self, out)
            out = out if got is None else got
        return out

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict gave; parameters match by their order in the groups."""
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            got = hook(self, state_dict)
            state_dict = state_dict if got is None else got
        saved, groups = deepcopy(state_dict["param_groups"]), self.param_groups
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        ids = chain.from_iterable(s["params"] for s in saved)
        params = chain.from_iterable(g["params"] for g in groups)
        by_id = dict(zip(ids, params, strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_id:
                state[by_id[key]] = {k: _fitted(k, v, by_id[key]) for k, v in value.items()}
            else:
                state[key] = value
        new = []
        for group, old in zip(groups, saved, strict=True):
            old["params"] = group["params"]
            if "param_names" in group and "param_names" not in old:
                old["param_names"] = group["param_names"]
            new.append(old)
        self.__setstate__({"state": state, "param_groups": new})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # --- hooks ---------------------------------------------------------------------------------
    def register_step_pre_hook(self, hook: Any) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before step."""
        return add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Any) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after step."""
        return add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before state_dict."""
        return add(self._optimizer_state_dict_pre_hooks, hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after state_dict."""
        return add(self._optimizer_state_dict_post_hooks, hook, prepend=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Any, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before load_state_dict."""
        return add(self._optimizer_load_state_dict_pre_hooks, hook, prepend=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Any, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer) after load_state_dict."""
        return add(self._optimizer_load_state_dict_post_hooks, hook, prepend=prepend)


def _fitted(key: str, value: Any, param: Tensor) -> Any:
    """A loaded state value on the parameter's device and, except `step`, in its dtype."""
    if isinstance(value, Tensor):
        if key == "step":
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _fitted(k, v, param) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fitted(key, v, param) for v in value)  # type: ignore[call-arg]
    return value


def _by_device(params: list[Any]) -> list[list[Any]]:
    """The parameters in lists of one device each; commonly there is one."""
    first = params[0].device
    for p in params:
        if p.device is not first:
            parts: dict[Any, list[Any]] = {}
            for each in params:
                parts.setdefault(each.device, []).append(each)
            return list(parts.values())
    return [params]


def check_hyper(*checks: tuple[str, Any, Any]) -> None:
    """Raise for hyperparameters outside of their range: (what it is called, value, allowed)."""
    for name, value, allowed in checks:
        if not allowed:
            raise ValueError(f"Invalid {name}: {value}")


def nonnegative(value: Any) -> Any:
    """Whether 0 <= value; zero stands first, which shows in errors about other types."""
    low = 0.0
    return low <= value


def rate(lr: Any) -> tuple[str, Any, Any]:
    """The check of a learning rate, for check_hyper."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    return "learning rate", lr, nonnegative(lr)


def count_dtype() -> Any:
    """The dtype of step counts and of other single numbers in an optimizer's state."""
    wide = franken.get_default_dtype() == franken.float64
    return franken.float64 if wide else franken.float32


__all__ = [
    "Optimizer", "OrderedDict", "check_hyper", "count_dtype", "nonnegative", "rate", "required",
]  # fmt: skip
