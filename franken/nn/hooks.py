"""The hooks of modules: those of all modules, and the order in which a call runs them.

Knows modules only by the dictionaries of hooks they carry.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from franken.faces.inner import Function, RemovableHandle

Hooks = OrderedDict

# Hooks of all modules (nn.modules.module.register_module_forward_hook and its relatives).
GLOBAL_PRE: Any = Hooks()
GLOBAL_FORWARD: Any = Hooks()
GLOBAL_WITH_KWARGS: Any = Hooks()
GLOBAL_ALWAYS: Any = Hooks()
GLOBAL_BACKWARD: Any = Hooks()
GLOBAL_BACKWARD_PRE: Any = Hooks()
GLOBAL_IS_FULL: list[Any] = [None]
REGISTRATION: dict[str, Any] = {"parameter": Hooks(), "buffer": Hooks(), "module": Hooks()}


def add(hooks: Any, hook: Any, *marks: Any, prepend: bool = False) -> RemovableHandle:
    """Register a hook; `marks` are (dictionary, flag) pairs that note how to call it."""
    handle = RemovableHandle(hooks, extra_dict=[d for d, _ in marks])
    hooks[handle.id] = hook
    for marked, flag in marks:
        if flag:
            marked[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook: Any) -> RemovableHandle:
    """Call hook(module, args) before every module's forward."""
    return add(GLOBAL_PRE, hook)


def register_module_forward_hook(
    hook: Any, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call hook(module, args, output) after every module's forward."""
    marks = ((GLOBAL_WITH_KWARGS, with_kwargs), (GLOBAL_ALWAYS, always_call))
    return add(GLOBAL_FORWARD, hook, *marks)


def register_module_full_backward_pre_hook(hook: Any) -> RemovableHandle:
    """Call hook(module, grad_output) before every module's backward."""
    return add(GLOBAL_BACKWARD_PRE, hook)


def register_module_full_backward_hook(hook: Any) -> RemovableHandle:
    """Call hook(module, grad_input, grad_output) after every module's backward."""
    GLOBAL_IS_FULL[0] = choose_kind(
        GLOBAL_IS_FULL[0], True, "as global Module hooks", "a single of them"
    )  # noqa: E501
    return add(GLOBAL_BACKWARD, hook)


def register_module_backward_hook(hook: Any) -> RemovableHandle:
    """Call hook on the last node of every module (old form)."""
    GLOBAL_IS_FULL[0] = choose_kind(
        GLOBAL_IS_FULL[0], False, "as global Module hooks", "a single of them"
    )  # noqa: E501
    return add(GLOBAL_BACKWARD, hook)


def register_module_parameter_registration_hook(hook: Any) -> RemovableHandle:
    """Call hook(module, name, parameter) on registration; it may return another parameter."""
    return add(REGISTRATION["parameter"], hook)


def register_module_buffer_registration_hook(hook: Any) -> RemovableHandle:
    """Call hook(module, name, buffer) on registration; it may return another buffer."""
    return add(REGISTRATION["buffer"], hook)


def register_module_module_registration_hook(hook: Any) -> RemovableHandle:
    """Call hook(module, name, submodule) on registration; it may return another module."""
    return add(REGISTRATION["module"], hook)


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """The value to register, after the registration hooks."""
    for hook in REGISTRATION[kind].values():
        got = hook(module, name, value)
        if got is not None:
            value = got
    return value


def choose_kind(known: Any, full: bool, where: str, which: str = "only one of them") -> bool:
    """Refuse to mix full backward hooks with the old ones."""
    if known is not None and known is not full:
        raise RuntimeError(
            f"Cannot use both regular backward hooks and full backward hooks {where}. Please use "
            f"{which}."
        )
    return full


# --- a call ----------------------------------------------------------------------------------------  # noqa: E501


def run(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A module call with its hooks around it."""
    call = _Call(module, args, kwargs)
    if not (GLOBAL_ALWAYS or module._forward_hooks_always_called):
        return call.run()
    finished = False
    try:
        out = call.run()
        finished = True
        return out
    finally:
        if not finished:
            call.run_always()


class _Call:
    """One call: the arguments as the pre-hooks left them, and which hooks have run."""

    def __init__(self, module: Any, args: Any, kwargs: Any) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.called: set[int] = set()
        self.result: Any = None

    def run(self) -> Any:
        module = self.module
        self._pre_hooks()
        backward = BackwardHooks.of(module)
        if backward is not None:
            self.args = backward.on_inputs(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for key, hook in (*GLOBAL_FORWARD.items(), *module._forward_hooks.items()):
            self.called.add(key)
            got = self._call(key, hook)
            if got is not None:
                self.result = got
        if backward is not None:
            if not isinstance(self.result, (tuple,)) and not hasattr(self.result, "grad_fn"):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    f"of Tensors but received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = backward.on_outputs(self.result)
        _old_backward_hooks(module, self.result)
        return self.result

    def run_always(self) -> None:
        """After an error: the hooks that want to run even so."""
        module = self.module
        for key in (*GLOBAL_ALWAYS, *module._forward_hooks_always_called):
            hook = GLOBAL_FORWARD.get(key) or module._forward_hooks.get(key)
            if key not in self.called and hook is not None:
                self.called.add(key)
                got = self._call(key, hook)
                if got is not None:
                    self.result = got

    def _call(self, key: int, hook: Any) -> Any:
        if key in self.module._forward_hooks_with_kwargs or key in GLOBAL_WITH_KWARGS:
            return hook(self.module, self.args, self.kwargs, self.result)
        return hook(self.module, self.args, self.result)

    def _pre_hooks(self) -> None:
        module = self.module
        for key, hook in (*GLOBAL_PRE.items(), *module._forward_pre_hooks.items()):
            if key in module._forward_pre_hooks_with_kwargs:
                got = hook(module, self.args, self.kwargs)
                if got is not None:
                    if not (isinstance(got, tuple) and len(got) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {got}."
                        )
                    self.args, self.kwargs = got
            else:
                got = hook(module, self.args)
                if got is not None:
                    self.args = got if isinstance(got, tuple) else (got,)


def _old_backward_hooks(module: Any, result: Any) -> None:
    """Hooks of the old form sit on the node that made the result."""
    old = [*(GLOBAL_BACKWARD.values() if GLOBAL_IS_FULL[0] is False else ()),
           *(module._backward_hooks.values() if module._is_full_backward_hook is False else ())]  # fmt: skip  # noqa: E501
    if not old:
        return
    while not hasattr(result, "grad_fn"):
        if isinstance(result, dict):
            result = next(v for v in result.values() if hasattr(v, "grad_fn"))
        else:
            result = result[0]
    if result.grad_fn is None:
        return
    for hook in old:
        result.grad_fn.register_hook(lambda gi, go, hook=hook: hook(module, gi, go))


class BackwardHooks:
    """Full backward hooks: an identity node behind the inputs and one before the outputs."""

    def __init__(self, module: Any, hooks: list[Any], pre: list[Any]) -> None:
        self.module, self.hooks, self.pre = module, hooks, pre
        self.grad_outputs: Any = None
        self.at_inputs: list[int] | None = None  # which inputs have a node; None: none has
        self.inputs = 0

    @staticmethod
    def of(module: Any) -> BackwardHooks | None:
        """The hooks that apply to a module, or None (the common case)."""
        hooks = [*(GLOBAL_BACKWARD.values() if GLOBAL_IS_FULL[0] is True else ()),
                 *(module._backward_hooks.values() if module._is_full_backward_hook is True else ())]  # noqa: E501  # fmt: skip
        pre = [*GLOBAL_BACKWARD_PRE.values(), *module._backward_pre_hooks.values()]
        return BackwardHooks(module, hooks, pre) if hooks or pre else None

    def on_inputs(self, args: Any) -> Any:
        """Pass the tensor inputs through a node whose backward calls the hooks."""
        self.inputs = len(args)
        new, at = _through(args, self._after)
        if at:
            self.at_inputs = at
        return new

    def on_outputs(self, out: Any) -> Any:
        """Pass the outputs through a node whose backward runs first."""
        many = isinstance(out, tuple)
        values = out if many else (out,)
        self.outputs = len(values)
        new, self.at_outputs = _through(values, self._before)
        return new if many else new[0]

    def _before(self, grads: Any) -> Any:
        """Outputs' cotangents have arrived: run the pre-hooks."""
        full: Any = _spread(grads, self.at_outputs, self.outputs)
        for hook in self.pre:
            got = hook(self.module, full)
            if got is not None:
                full = got if isinstance(got, tuple) else (got,)
        self.grad_outputs = full
        if self.at_inputs is None:
            if self.hooks:
                _warn_no_inputs()
            for hook in self.hooks:
                got = hook(self.module, (None,) * self.inputs, full)
                if got is not None and not all(g is None for g in got):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always "
                        "return None or None for all gradients."
                    )
        return tuple(full[i] for i in self.at_outputs)

    def _after(self, grads: Any) -> Any:
        """Inputs' cotangents are known: run the hooks."""
        at: Any = self.at_inputs
        full: Any = _spread(grads, at, self.inputs)
        for hook in self.hooks:
            got = hook(self.module, full, self.grad_outputs)
            if got is not None:
                got = got if isinstance(got, tuple) or not hasattr(got, "grad_fn") else (got,)
                if len(got) != len(full):
                    raise RuntimeError(
                        "Backward hook returned an invalid number of grad_input, got "
                        f"{len(got)}, but expected {len(full)}"
                    )
                full = tuple(got)
        self.grad_outputs = None
        return tuple(full[i] for i in at)


def _warn_no_inputs() -> None:
    warnings.warn(
        "Full backward hook is firing when gradients are computed with respect to module outputs "
        "since no inputs require gradients. See "
        "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
        "#torch.nn.Module.register_full_backward_hook for more details.",
        stacklevel=2,
    )


def _spread(grads: Any, at: list[int], size: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * size
    for i, g in zip(at, grads, strict=True):
        full[i] = g
    return tuple(full)


def _through(values: Any, on_backward: Any) -> tuple[Any, list[int]]:
    """The tensors that require grad replaced by views with a node that calls `on_backward`."""
    from franken import Tensor, is_grad_enabled

    at = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not at or not is_grad_enabled():
        return values, []

    class BackwardHookFunction(Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.set_materialize_grads(False)
            return tuple(t.view_as(t) for t in tensors)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return on_backward(grads)

    new = BackwardHookFunction.apply(*[values[i] for i in at])
    out = list(values)
    for i, v in zip(at, new if isinstance(new, tuple) else (new,), strict=True):
        out[i] = v
    return tuple(out), at
