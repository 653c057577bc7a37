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
        GLOBAL_IS_FULL[0], True, "as a global Module hook", "only one of them"
    )
    return add(GLOBAL_BACKWARD, hook)


def register_module_backward_hook(hook: Any) -> RemovableHandle:
    """Call hook on the last node of every module (old form)."""
    GLOBAL_IS_FULL[0] = choose_kind(
        GLOBAL_IS_FULL[0], False, "as a global Module hook", "only one of them"
    )
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
        _old_backward_hooks(module, self.args, self.result)
        return self.result

    def run_always(self) -> None:
        """After an error: the hooks that want to run even so."""
        module = self.module
        for where, hooks, keys in (
            ("global module", GLOBAL_FORWARD, GLOBAL_ALWAYS),
            ("module", module._forward_hooks, module._forward_hooks_always_called),
        ):
            for key, hook in list(hooks.items()):
                if key in keys and key not in self.called:
                    self.called.add(key)
                    with _Silenced(where):
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


class _Silenced:
    """Makes a warning of what a hook raises, so that the error that came first is the one seen."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        warnings.warn(
            f"{self.where} forward hook with ``always_call=True`` raised an exception that was "
            f"silenced as another error was raised in forward: {error}",
            stacklevel=2,
        )
        return True


def _old_backward_hooks(module: Any, args: Any, result: Any) -> None:
    """Hooks of the old form sit on the node that made the result."""
    old = [*(GLOBAL_BACKWARD.values() if GLOBAL_IS_FULL[0] is False else ()),
           *(module._backward_hooks.values() if module._is_full_backward_hook is False else ())]  # fmt: skip  # noqa: E501
    if not old:
        return
    first = result
    while not hasattr(first, "grad_fn"):
        if isinstance(first, dict):
            first = next(v for v in first.values() if hasattr(v, "grad_fn"))
        else:
            first = first[0]
    node = first.grad_fn
    if node is None:
        return
    for hook in old:
        node.register_hook(lambda gi, go, hook=hook: hook(module, gi, go))
    reason = _why_incomplete(args, result, node)
    if reason is not None:
        warnings.warn(
            f"{reason} Please use register_full_backward_hook to get the documented behavior.",
            FutureWarning,
            stacklevel=5,
        )


def _why_incomplete(args: Any, result: Any, node: Any) -> str | None:
    """Why a hook on the node that made the result does not see all of the module's gradients."""
    outputs = result if isinstance(result, tuple) else (result,)
    module, gone = "non-full backward hooks on a Module that does not", "This hook will be missing"
    deprecated = "is deprecated and will be removed in future versions."
    tensors = "a single Tensor or a tuple of Tensors"
    if not all(hasattr(t, "grad_fn") for t in outputs):
        return f"Using {module} return {tensors} {deprecated} {gone} some of the grad_output."
    if not all(hasattr(t, "grad_fn") for t in args):
        return f"Using {module} take as input {tensors} {deprecated} {gone} some of the grad_input."
    if len({t.grad_fn for t in outputs if t.grad_fn is not None}) > 1:
        return (
            "Using a non-full backward hook when outputs are generated by different autograd Nodes "
            f"{deprecated} {gone} some grad_output."
        )
    before = {t.grad_fn for t in args if t.grad_fn is not None}
    if before != {n for n, _ in node.next_functions}:
        return (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes "
            f"{deprecated} {gone} some grad_input."
        )
    return None


class BackwardHookFunction(Function):
    """The identity: what its node's hooks see are the gradients of a module's inputs or outputs."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> Any:
        """The tensors as they are."""
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradients as they are."""
        return grads


class BackwardHooks:
    """Full backward hooks: an identity node behind the inputs and one before the outputs."""

    def __init__(self, module: Any, hooks: list[Any], pre: list[Any]) -> None:
        self.module, self.hooks, self.pre = module, hooks, pre
        self.grad_outputs: Any = None  # between the two nodes of one backward pass
        self.at_inputs: list[int] | None = None  # the tensors among the inputs; None: no node
        self.inputs = 0

    @staticmethod
    def of(module: Any) -> BackwardHooks | None:
        """The hooks that apply to a module, or None (the common case)."""
        own = module._backward_hooks.values() if module._is_full_backward_hook is True else ()
        hooks = [*(GLOBAL_BACKWARD.values() if GLOBAL_IS_FULL[0] is True else ()), *own]
        pre = [*GLOBAL_BACKWARD_PRE.values(), *module._backward_pre_hooks.values()]
        return BackwardHooks(module, hooks, pre) if hooks or pre else None

    def on_inputs(self, args: Any) -> Any:
        """Pass the inputs through a node behind which the hooks are called."""

        def hook(grad_inputs: Any, _: Any) -> Any:
            return self._after(grad_inputs)

        self.inputs = len(args)
        new, self.at_inputs, node = _through(args)
        if node is not None:
            node.register_hook(hook)
        return new

    def on_outputs(self, out: Any) -> Any:
        """Pass the outputs through a node before which the pre-hooks are called."""

        def hook(grad_outputs: Any) -> Any:
            return self._before(grad_outputs, at, count)

        many = isinstance(out, tuple)
        values = out if many else (out,)
        count = len(values)
        new, at, node = _through(values)
        if node is not None:
            node.register_prehook(hook)
        return new if many else new[0]

    def _before(self, grads: Any, at: Any, count: int) -> Any:
        """Outputs' cotangents have arrived: run the pre-hooks."""
        full = _spread(grads, at, count)
        for hook in self.pre:
            got = hook(self.module, full)
            if got is not None:
                full = _as_many(got, full, "Backward pre hook", "grad_output")
        self.grad_outputs = full
        if self.at_inputs is None:
            self._without_inputs(full)
            self.grad_outputs = None
        return tuple([full[i] for i in at])

    def _without_inputs(self, grad_outputs: Any) -> None:
        if self.hooks:
            _warn_no_inputs()
        for hook in self.hooks:
            got = hook(self.module, (None,) * self.inputs, grad_outputs)
            if got is not None and not all(g is None for g in got):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )

    def _after(self, grads: Any) -> Any:
        """Inputs' cotangents are known: run the hooks."""
        if self.grad_outputs is None:  # they came from a use of the inputs outside of the module
            return None
        at: Any = self.at_inputs
        full: Any = _spread(grads, at, self.inputs)
        for hook in self.hooks:
            got = hook(self.module, full, self.grad_outputs)
            if got is not None:
                full = _as_many(got, full, "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple([full[i] for i in at])


def _as_many(got: Any, before: Any, who: str, what: str) -> tuple[Any, ...]:
    if len(got) != len(before):
        raise RuntimeError(
            f"{who} returned an invalid number of {what}, got {len(got)}, but expected "
            f"{len(before)}"
        )
    return tuple(got)


def _warn_no_inputs() -> None:
    warnings.warn(
        "Full backward hook is firing when gradients are computed with respect to module outputs "
        "since no inputs require gradients. See "
        "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
        "#torch.nn.Module.register_full_backward_hook for more details.",
        stacklevel=2,
    )


def _spread(grads: Any, at: Any, size: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * size
    for i, g in zip(at, grads, strict=True):
        full[i] = g
    return tuple(full)


def _through(values: Any) -> tuple[Any, list[int] | None, Any]:
    """(values, places, node): the tensors, at `places`, as outputs of an identity node.

    Without a tensor that requires grad there is no node: (values, None, None).
    """
    from franken import Tensor, is_grad_enabled

    at = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if not is_grad_enabled() or not any(values[i].requires_grad for i in at):
        return values, None, None
    made = BackwardHookFunction.apply(*[values[i] for i in at])
    made = made if isinstance(made, tuple) else (made,)
    out = list(values)
    for i, v in zip(at, made, strict=True):
        out[i] = v
    new = tuple(out) if type(values) is tuple else type(values)(*out)
    return new, at, next(t.grad_fn for t in made if t.grad_fn is not None)
