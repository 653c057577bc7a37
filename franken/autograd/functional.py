"""torch.autograd.functional: products with Jacobians and Hessians of plain functions.

Everything is reverse mode over the tape (jvp by differentiating a vjp by its cotangent), but for
`strategy="forward-mode"`, which uses the transforms.
Source: https://docs.pytorch.org/docs/stable/autograd.html#functional-higher-level-api
"""

from __future__ import annotations

import math
from typing import Any

from franken.autograd.api import grad as _grad
from franken.autograd.grad_mode import enable_grad
from franken.core.op import namespace
from franken.core.tensor import Tensor

_OUTPUTS = "outputs of the user-provided function"


def _as_tuple(value: Any, what: str, who: str) -> tuple[bool, tuple[Any, ...]]:
    single = not isinstance(value, tuple)
    many = (value,) if single else value
    for i, x in enumerate(many):
        if not isinstance(x, Tensor):
            where = "" if single else f" at index {i}"
            given = "given" if single else "element"
            raise TypeError(
                f"The {what} given to {who} must be either a Tensor or a tuple of Tensors but the "
                f"{given} {what}{where} has type {type(x)}."
            )
    return not single, many


def _tracked(inputs: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    """Inputs as fresh points of the graph: connected to their past only if it is to be kept."""
    return tuple([
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in inputs
    ])  # fmt: skip


def _finished(tree: Any, create_graph: bool) -> Any:
    if isinstance(tree, tuple):
        return tuple([_finished(t, create_graph) for t in tree])
    return tree if create_graph or tree is None else tree.detach()


def _shaped(like_tuple: bool, values: tuple[Any, ...]) -> Any:
    return values if like_tuple else values[0]


def _check_v(v: tuple[Any, ...], like: tuple[Any, ...], was_tuple: bool) -> None:
    if len(v) != len(like):
        if was_tuple or len(like) > 1:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(v, like, strict=True)):
        if tuple(a.shape) != tuple(b.shape):
            prefix = f"Entry {i} in " if was_tuple or len(like) > 1 else ""
            raise RuntimeError(
                f"{prefix}v has invalid size: should be {b.shape} but got {a.shape}."
            )


def _given_v(v: Any, like: tuple[Any, ...], who: str, what: str) -> tuple[Any, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {what} a single element.")
        return (like[0].new_ones(tuple(like[0].shape)),)
    was_tuple, many = _as_tuple(v, "v", who)
    _check_v(many, like, was_tuple)
    return tuple([x.detach() if not x.requires_grad else x for x in many])


_ONE_OUTPUT = "the user-provided function returns a single Tensor with"
_ONE_INPUT = "the input to the user-provided function is a single Tensor with"


def _check_outputs(outputs: tuple[Any, ...], strict: bool) -> None:
    if not strict:
        return
    for i, o in enumerate(outputs):
        if not o.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )


def _gradients(outputs: Any, inputs: Any, v: Any, *, create_graph: bool, retain: Any = None) -> Any:
    """`grad` that skips outputs without history; None where unconnected."""
    live = [(o, g) for o, g in zip(outputs, v, strict=True) if o is not None and o.requires_grad]
    if not live:
        return (None,) * len(inputs)
    outs, gs = zip(*live, strict=True)
    return _grad(
        outs, inputs, gs, allow_unused=True, create_graph=create_graph, retain_graph=retain
    )


_INDEPENDENT = {
    "back": "The output of the user-provided function is independent of input {i}. This is not "
    "allowed in strict mode.",
    "back_trick": "The gradient with respect to the input is independent of entry {i} in the "
    "grad_outputs when using the double backward trick to compute forward mode gradients. This is "
    "not allowed in strict mode.",
    "double_back": "The jacobian of the user-provided function is independent of input {i}. This "
    "is not allowed in strict mode.",
    "graph": "The jacobian of the user-provided function is independent of input {i}. This is not "
    "allowed in strict mode when create_graph=True.",
    "hessian": "While computing the hessian, found that the jacobian of the user-provided function "
    "with respect to input {i} is independent of the input. This is not allowed in strict mode. "
    "You should ensure that your function is twice differentiable and that the jacobian depends on "
    "the inputs (this would be violated by a linear function for example).",
    "double_back_trick": "The hessian of the user-provided function is independent of input {i}. "
    "This is not allowed in strict mode.",
}


def _filled(grads: Any, like: Any, strict: bool, stage: str, create_graph: bool = False) -> Any:
    """Zeros for missing gradients, or the error of strict mode."""
    out = []
    for i, (g, x) in enumerate(zip(grads, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(_INDEPENDENT[stage].format(i=i))
            g = x.new_zeros(tuple(x.shape))
        elif strict and create_graph and not g.requires_grad:
            raise RuntimeError(_INDEPENDENT["graph"].format(i=i))
        out.append(g)
    return tuple(out)


def vjp(
    func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return func's outputs and the product of `v` with its Jacobian.

    >>> import franken as torch
    >>> vjp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.ones(2))[1].tolist()
    [2.0, 4.0]
    """
    with enable_grad():
        in_tuple, inputs = _as_tuple(inputs, "inputs", "vjp")
        inputs = _tracked(inputs, create_graph)
        out_tuple, outputs = _as_tuple(func(*inputs), _OUTPUTS, "vjp")
        _check_outputs(outputs, strict)
        v = _given_v(v, outputs, "vjp", _ONE_OUTPUT)
    with enable_grad() if create_graph else _as_is():
        got = _gradients(outputs, inputs, v, create_graph=create_graph)
        got = _filled(got, inputs, strict, "back", create_graph)
    return (
        _shaped(out_tuple, _finished(outputs, create_graph)),
        _shaped(in_tuple, _finished(got, create_graph)),
    )


class _as_is:
    """A context that changes nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


def jvp(
    func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return func's outputs and the product of its Jacobian with `v`.

    >>> import franken as torch
    >>> jvp(lambda x: x.sum(), torch.ones(2), torch.tensor([1.0, 2.0]))[1].item()
    3.0
    """
    with enable_grad():
        _, inputs = _as_tuple(inputs, "inputs", "jvp")
        v = _given_v(v, inputs, "jvp", _ONE_INPUT)
        inputs = _tracked(inputs, create_graph)
        out_tuple, outputs = _as_tuple(func(*inputs), _OUTPUTS, "jvp")
        _check_outputs(outputs, strict)
        # the vjp is linear in its cotangent u; its derivative by u along v is the jvp
        u = tuple([o.new_zeros(tuple(o.shape)).requires_grad_() for o in outputs])
        back = _gradients(outputs, inputs, u, create_graph=True)
        back = _filled(back, inputs, strict, "back", create_graph)
        got = _gradients(back, u, v, create_graph=create_graph)
        got = _filled(got, outputs, strict, "back_trick", create_graph)
    return (
        _shaped(out_tuple, _finished(outputs, create_graph)),
        _shaped(out_tuple, _finished(got, create_graph)),
    )


def jacobian(
    func: Any, inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """Return the Jacobian of func: output shape + input shape, nested by outputs, then inputs.

    >>> import franken as torch
    >>> jacobian(lambda x: x * x, torch.tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _jacobian_forward(func, inputs, create_graph, strict, vectorize)
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        in_tuple, inputs = _as_tuple(inputs, "inputs", "jacobian")
        inputs = _tracked(inputs, create_graph)
        out_tuple, outputs = _as_tuple(func(*inputs), _OUTPUTS, "jacobian")
        _check_outputs(outputs, strict)
        rows = tuple([
            _rows_at_once(o, inputs, create_graph) if vectorize
            else _rows(o, k, inputs, create_graph, strict)
            for k, o in enumerate(outputs)
        ])  # fmt: skip
        blocks = tuple([_shaped(in_tuple, row) for row in rows])
    return _finished(_shaped(out_tuple, blocks), create_graph)


def _rows(o: Any, k: int, inputs: Any, create_graph: bool, strict: bool) -> tuple[Any, ...]:
    """The Jacobian of one output, one backward pass an element."""
    found: list[list[Any]] = [[] for _ in inputs]
    flat = o.reshape(-1)
    for j in range(flat.shape[0]):
        got = _gradients(
            [flat.select(0, j)], inputs, [None], create_graph=create_graph, retain=True
        )
        for i, (g, x) in enumerate(zip(got, inputs, strict=True)):
            if strict and g is None:
                raise RuntimeError(
                    f"Output {k} of the user-provided function is independent of input {i}. This "
                    "is not allowed in strict mode."
                )
            if strict and create_graph and not g.requires_grad:
                raise RuntimeError(_INDEPENDENT["graph"].format(i=i))
            found[i].append(x.new_zeros(tuple(x.shape)) if g is None else g)
    stack = namespace("torch")["stack"]
    return tuple([
        (stack(rows) if rows else x.new_zeros((0, *x.shape))).reshape(*o.shape, *x.shape)
        for rows, x in zip(found, inputs, strict=True)
    ])  # fmt: skip


def _rows_at_once(o: Any, inputs: Any, create_graph: bool) -> tuple[Any, ...]:
    """The Jacobian of one output by a batched backward pass."""
    n = math.prod(o.shape)
    got: Any = (None,) * len(inputs)
    if o.requires_grad:
        basis = namespace("torch")["eye"](n, dtype=o.dtype, device=o.device).reshape(n, *o.shape)
        got = _grad(
            o, inputs, basis, allow_unused=True, create_graph=create_graph, retain_graph=True,
            is_grads_batched=True,
        )  # fmt: skip
    return tuple([
        (x.new_zeros((n, *x.shape)) if g is None else g).reshape(*o.shape, *x.shape)
        for g, x in zip(got, inputs, strict=True)
    ])  # fmt: skip


def _jacobian_forward(
    func: Any, inputs: Any, create_graph: bool, strict: bool, vectorize: bool
) -> Any:
    from franken.autograd.forward_ad import refuse_batched
    from franken.transforms.jacobians import jacfwd

    name = "torch.autograd.functional.jacobian"
    if strict:
        raise RuntimeError(
            f'{name}: `strict=True` and `strategy="forward-mode"` are not supported together '
            '(yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
        )
    if create_graph:
        raise NotImplementedError(
            f'{name}: `create_graph=True` and `strategy="forward-mode"` are not supported together '
            '(yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
            "only implemented for `vectorize=True`."
        )
    in_tuple, many = _as_tuple(inputs, "inputs", "jacobian")
    for x in many:
        refuse_batched(x)
    argnums = tuple(range(len(many))) if in_tuple else 0
    return jacfwd(func, argnums)(*many)


def _scalar(func: Any, who: str, strict: bool) -> Any:
    def checked(*inputs: Any) -> Any:
        is_tuple, out = _as_tuple(func(*inputs), _OUTPUTS, who)
        _check_scalar(is_tuple, out, who)
        _check_outputs(out, strict)
        return out[0].reshape(()) if who == "hessian" else out[0]

    return checked


def _check_scalar(is_tuple: bool, out: tuple[Any, ...], who: str) -> None:
    if is_tuple:
        raise RuntimeError(f"The function given to {who} should return a single Tensor")
    if out[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {who} should contain a single element"
        )


def hessian(
    func: Any, inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """Return the Hessian of a scalar function: input shape + input shape, nested by inputs twice.

    >>> import franken as torch
    >>> hessian(lambda x: (x * x).sum(), torch.ones(2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    in_tuple, _ = _as_tuple(inputs, "inputs", "hessian")
    scalar = _scalar(func, "hessian", strict)
    forward = outer_jacobian_strategy == "forward-mode"
    if forward:
        return _hessian_forward(scalar, inputs, in_tuple, create_graph, strict, vectorize)

    def first(*points: Any) -> Any:
        got = _grad_of_scalar(scalar, points, strict)
        return got if in_tuple else got[0]

    return jacobian(first, inputs, create_graph, strict, vectorize)


def _grad_of_scalar(scalar: Any, points: tuple[Any, ...], strict: bool) -> tuple[Any, ...]:
    out = scalar(*points)
    got = _gradients([out], points, [None], create_graph=True)
    got = _filled(got, points, strict, "double_back")
    if strict:
        for i, g in enumerate(got):
            if not g.requires_grad:
                raise RuntimeError(_INDEPENDENT["hessian"].format(i=i))
    return tuple(got)


def _hessian_forward(
    scalar: Any, inputs: Any, in_tuple: bool, create_graph: bool, strict: bool, vectorize: bool
) -> Any:
    from franken.transforms.jacobians import jacrev

    many = inputs if in_tuple else (inputs,)
    argnums = tuple(range(len(many))) if in_tuple else 0
    if strict or not vectorize:
        return _jacobian_forward(scalar, inputs, False, strict, vectorize)
    if not create_graph:
        many = tuple([x.detach() for x in many])
    point = many if in_tuple else many[0]
    return _jacobian_forward(jacrev(scalar, argnums), point, False, False, True)


def vhp(
    func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return a scalar function's value and the product of `v` with its Hessian.

    >>> import franken as torch
    >>> vhp(lambda x: (x * x * x).sum(), torch.ones(2), torch.tensor([1.0, 0.0]))[1].tolist()
    [6.0, 0.0]
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return a scalar function's value and the product of its Hessian with `v`.

    The Hessian is symmetric, so this is `vhp`.
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    who: str, func: Any, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> Any:
    with enable_grad():
        in_tuple, inputs = _as_tuple(inputs, "inputs", who)
        v = _given_v(v, inputs, who, _ONE_INPUT)
        inputs = _tracked(inputs, create_graph)
        is_tuple, outputs = _as_tuple(func(*inputs), _OUTPUTS, who)
        _check_outputs(outputs, strict)
        _check_scalar(is_tuple, outputs, who)
        first = _gradients(outputs, inputs, [None], create_graph=True)
        first = _filled(first, inputs, strict, "double_back")
        if strict:
            for i, g in enumerate(first):
                if not g.requires_grad:
                    raise RuntimeError(_INDEPENDENT["hessian"].format(i=i))
    with enable_grad() if create_graph else _as_is():
        got = _gradients(first, inputs, v, create_graph=create_graph)
        got = _filled(got, inputs, strict, "double_back_trick", create_graph)
    return (_finished(outputs[0], create_graph), _shaped(in_tuple, _finished(got, create_graph)))


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
