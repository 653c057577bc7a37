"""gradcheck and gradgradcheck: derivatives against finite differences.

Jacobians are laid out (input elements, output elements). Derivatives of complex outputs are checked
for the real and imaginary part apart. Knows the engine, forward mode and vmap; no particular op.
Source: https://docs.pytorch.org/docs/stable/notes/gradcheck.html
"""

from __future__ import annotations

import math
import sys
import types
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np

from franken.autograd.api import grad as _grad
from franken.core.layouts.between import dense, full, values_, whole, with_values_
from franken.core.layouts.tensor import SparseTensor
from franken.core.tensor import Tensor, held, seen, wrap
from franken.engine.function import Function

_FAST_NOTE = """
The above quantities relating the numerical and analytical jacobians are computed
in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background
about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:
"""
_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values, although analytical gradient matches numerical gradient."
    "The tolerance for nondeterminism was {tol}."
)


class GradcheckError(RuntimeError):
    """A derivative that does not agree with finite differences, or breaks a rule of backward."""


class _Settings:
    """The options of one check."""

    def __init__(self, **options: Any) -> None:
        self.eps: float = options["eps"]
        self.atol: float = options["atol"]
        self.rtol: float = options["rtol"]
        self.nondet_tol: float = options["nondet_tol"]
        self.fast: bool = options["fast_mode"]

    def widened(self, u: Any) -> float:
        """The absolute tolerance of a product with `u`: its terms are of size one each."""
        return self.atol * max(1.0, float(np.abs(u).sum()))


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, raise_exception: bool = True, nondet_tol: float = 0.0,
    check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:  # fmt: skip
    """Compare the derivatives of `func` with finite differences; True, or GradcheckError.

    Args:
        inputs: tensor(s); those that require grad are checked, and should be float64.
        eps: step of the differences.  atol, rtol: tolerances.
        raise_exception: give False instead of an error.
        nondet_tol: allowed difference between two runs of the same backward.
        fast_mode: compare products with random vectors instead of whole Jacobians.

    >>> import franken as torch
    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> gradcheck(lambda x: x * x, (x,))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    s = _Settings(eps=eps, atol=atol, rtol=rtol, nondet_tol=nondet_tol, fast_mode=fast_mode)
    try:
        func, inputs = _stored(func, inputs, bool(masked))
        _check(func, inputs, s, check_undefined_grad, check_batched_grad,
               check_batched_forward_grad, check_forward_ad, check_backward_ad)  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(
    func: Any, inputs: Any, s: _Settings, undefined: bool, batched: bool, batched_forward: bool,
    forward: bool, backward: bool,
) -> None:  # fmt: skip
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    _check_inputs(inputs)
    outs = _outputs(func, inputs)
    if any(o.foreign and not o.level for o in outs if isinstance(o, Tensor)):
        raise ValueError(
            "Sparse output is not supported at gradcheck yet. Please call to_dense(masked_grad=...)"
            " on the output of fn for gradcheck."
        )
    chosen = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    live = [j for j, o in enumerate(outs) if o.requires_grad]
    if not live:
        _check_zero(func, inputs, chosen, s)
        return
    for i in chosen if backward else ():
        for j in live:
            _compare_backward(func, inputs, i, j, s)
    for i in chosen if forward else ():
        _compare_forward(func, inputs, i, live, s)
    if forward and undefined:
        _check_undefined_forward(func, inputs, chosen, live, s)
    if batched_forward:
        _check_batched_forward(func, inputs, chosen, live, s)
    if not backward:
        return
    if batched:
        _check_batched(func, inputs, chosen, live, s)
    _check_linear(func, inputs, chosen, live)
    if undefined:
        _check_undefined(func, inputs, chosen, live)


def _stored(func: Any, inputs: Any, masked: bool) -> tuple[Any, Any]:
    """The function of the elements that sparse inputs store (of all elements, unless `masked`)."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wholes: dict[int, Any] = {}
    given = list(inputs)
    for i, x in enumerate(inputs):
        if isinstance(x, SparseTensor) and x.requires_grad:
            wholes[i] = pattern = (whole if masked else full)(x)
            given[i] = values_(pattern).clone().requires_grad_()
    if not wholes:
        return func, inputs

    def of_values(*args: Any) -> Any:
        given = list(args)
        for i, pattern in wholes.items():
            given[i] = with_values_(pattern, args[i])
            if given[i].requires_grad:
                given[i].register_hook(partial(_check_places, pattern))
        return func(*given)

    return of_values, tuple(given)


def _check_places(x: Any, g: Any) -> None:
    """Refuse a sparse gradient whose coordinates are not those of its input."""
    for what in ("sparse_dim", "dense_dim"):
        if isinstance(g, SparseTensor) and getattr(g, what)() != getattr(x, what)():
            raise GradcheckError(f"grad is sparse tensor, but has incorrect {what}")


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    any_grad = False
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        any_grad = True
        if x.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=4,
            )
        if any(st == 0 and n > 1 for st, n in zip(held(x).strides, x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )
    if not any_grad:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )


def _outputs(func: Any, inputs: Any) -> list[Any]:
    out = func(*inputs)
    return list(out) if isinstance(out, (tuple, list)) else [out]


def _host(t: Any) -> Any:
    if isinstance(t, SparseTensor):
        t = dense(t)
    return t._a if t.device.type == "cpu" else t.detach().to("cpu")._a


def _values(func: Any, inputs: Any, j: int) -> Any:
    return np.array(_host(_outputs(func, inputs)[j]), copy=True).reshape(-1)


# --- finite differences --------------------------------------------------------------------------


def _moved(func: Any, inputs: Any, i: int, j: int, delta: Any) -> Any:
    """Output j after input i was moved by `delta`, an array; the input is restored."""
    a = held(inputs[i])
    before = a.copy()
    a[...] = before + seen(delta, inputs[i]._bits)
    try:
        out = _outputs(func, inputs)[j]
        return out, np.array(_host(out), copy=True).reshape(-1)
    finally:
        a[...] = before


def _difference(
    func: Any, inputs: Any, i: int, j: int, direction: Any, eps: float, place: str = ""
) -> Any:
    """Directional derivative of output j by central difference; `place` is said in an error."""
    low, down = _moved(func, inputs, i, j, direction * -eps)
    high, up = _moved(func, inputs, i, j, direction * eps)
    for what in ("shape", "dtype"):
        a, b = getattr(low, what), getattr(high, what)
        if a != b:
            raise AssertionError(
                f"Expected `func` to return outputs with the same {what} when inputs are perturbed"
                f"{place} by {eps}, but got: {what}s {a} and {b}."
            )
    return (up - down) / (2 * eps)


def _unit(x: Any, k: int, value: Any = 1.0) -> Any:
    e = np.zeros(x._a.size, x._a.dtype)
    e[k] = value
    return e.reshape(x._a.shape)


def _numerical(func: Any, inputs: Any, i: int, j: int, s: _Settings, axis: Any = 1.0) -> Any:
    """Rows d(output j)/d(input i along `axis`)."""
    x = inputs[i]
    rows = []
    for k in range(x._a.size):
        place = f" on index {tuple(map(int, np.unravel_index(k, x._a.shape)))}"
        rows.append(_difference(func, inputs, i, j, _unit(x, k, axis), s.eps, place))
    n = _values(func, inputs, j).size
    return np.array(rows).reshape(x._a.size, n)


def _check_zero(func: Any, inputs: Any, chosen: list[int], s: _Settings) -> None:
    for j, o in enumerate(_outputs(func, inputs)):
        if not (o.dtype.is_floating_point or o.dtype.is_complex):
            continue
        for i in chosen:
            if np.any(np.abs(_numerical(func, inputs, i, j, s)) > s.atol):
                raise GradcheckError("Numerical gradient for function expected to be zero")


# --- derivatives by the engine -------------------------------------------------------------------


def _cotangent(o: Any, flat: Any) -> Tensor:
    return (
        wrap(np.asarray(flat, o._a.dtype).reshape(o._a.shape), o.device)
        if o.device.type == "cpu"
        else wrap(np.asarray(flat, o.dtype.np).reshape(tuple(o.shape))).to(o.device)
    )


def _vjp(func: Any, inputs: Any, i: int, j: int, rows: list[Any]) -> list[Any]:
    """Gradients of input i for several cotangents of output j, as flat arrays."""
    o = _outputs(func, inputs)[j]
    found = []
    for flat in rows:
        (g,) = _grad(o, (inputs[i],), _cotangent(o, flat), retain_graph=True, allow_unused=True)
        size = inputs[i]._a.size
        found.append(np.zeros(size, inputs[i]._a.dtype) if g is None else _host(g).reshape(-1))
    return found


def _reverse(func: Any, inputs: Any, i: int, j: int, part: Any) -> Any:
    n = _values(func, inputs, j).size
    columns = _vjp(func, inputs, i, j, [part * np.eye(n)[k] for k in range(n)])
    return np.array(columns).reshape(n, inputs[i]._a.size).T


def _tangents(func: Any, inputs: Any, i: int, direction: Any) -> list[Any]:
    """Forward-mode derivative of every output along a direction of input i."""
    pairs = _dual_outputs(func, inputs, {i: _cotangent(inputs[i], direction)})
    return [_flat_tangent(out, slope) for out, slope in pairs]


def _flat_tangent(out: Any, slope: Any) -> Any:
    if slope is None:
        return np.zeros(math.prod(out.shape), out._a.dtype)
    return np.array(_host(slope.detach())).reshape(-1)


def _dual_outputs(func: Any, inputs: Any, tangents: dict[int, Any]) -> list[tuple[Any, Any]]:
    """Value and tangent (None for zero) of each output for tangents of some inputs."""
    from franken.autograd.forward_ad import dual_level, make_dual, unpack_dual

    with dual_level():
        given = list(inputs)
        for i, tangent in tangents.items():
            given[i] = make_dual(inputs[i], tangent)
        return [tuple(unpack_dual(o)) for o in _outputs(func, given)]


# --- comparing -----------------------------------------------------------------------------------


def _parts(func: Any, inputs: Any, j: int) -> list[tuple[str, Any, Any]]:
    """(words, cotangent factor, projection) for each real part of an output."""
    if _values(func, inputs, j).dtype.kind != "c":
        return [("", 1.0, lambda v: v)]
    words = "While considering the {} part of complex outputs only, "
    return [
        (words.format("imaginary"), 1j, lambda v: v.imag),
        (words.format("real"), 1.0, lambda v: v.real),
    ]


def _compare_backward(func: Any, inputs: Any, i: int, j: int, s: _Settings) -> None:
    check = _backward_fast if s.fast else _backward_slow
    for words, factor, project in _parts(func, inputs, j):
        check(func, inputs, i, j, s, words, factor, project)


def _compare_forward(func: Any, inputs: Any, i: int, live: list[int], s: _Settings) -> None:
    """Tangents of all outputs along each direction of one input, found together."""
    x = inputs[i]
    for axis in (1.0, 1j) if x.dtype.is_complex else (1.0,):
        if s.fast:
            u = _directions(1, x._a.size, False).reshape(x._a.shape)
            found = _tangents(func, inputs, i, u * axis)
            for j in live:
                numerical = _difference(func, inputs, i, j, u * axis, s.eps)
                if not np.allclose(found[j], numerical, s.rtol, s.widened(u), equal_nan=True):
                    slow = (
                        _numerical(func, inputs, i, j, s, axis),
                        _forward(func, inputs, i, axis)[j],
                    )
                    _mismatch(" computed with forward mode", i, j, numerical, found[j], "", slow)
            continue
        rows = _forward(func, inputs, i, axis)
        for j in live:
            numerical = _numerical(func, inputs, i, j, s, axis)
            if not np.allclose(rows[j], numerical, s.rtol, s.atol, equal_nan=True):
                _mismatch(" computed with forward mode", i, j, numerical, rows[j])


def _forward(func: Any, inputs: Any, i: int, axis: Any) -> list[Any]:
    """Jacobians of all outputs along the elements of input i."""
    x = inputs[i]
    each = [_tangents(func, inputs, i, _unit(x, k, axis)) for k in range(x._a.size)]
    if not each:
        return [np.zeros((0, math.prod(o.shape))) for o in _outputs(func, inputs)]
    return [np.array(rows).reshape(x._a.size, -1) for rows in zip(*each, strict=True)]


def _jacobians(
    func: Any, inputs: Any, i: int, j: int, s: _Settings, factor: Any, project: Any
) -> tuple[Any, Any]:
    """(numerical, analytical); complex inputs give df/dRe + i df/dIm, as backward does."""
    numerical = project(_numerical(func, inputs, i, j, s))
    if inputs[i].dtype.is_complex:
        numerical = numerical + 1j * project(_numerical(func, inputs, i, j, s, 1j))
    return numerical, _reverse(func, inputs, i, j, factor)


def _mismatch(
    mode: str, i: int, j: int, numerical: Any, analytical: Any, words: str = "", slow: Any = None
) -> NoReturn:
    note = "" if slow is None else _FAST_NOTE + _slow_text(*slow)
    raise GradcheckError(
        f"{words}Jacobian{mode} mismatch for output {j} with respect to input {i},\n"
        f"numerical:{_shown(numerical)}\nanalytical:{_shown(analytical)}\n{note}"
    )


def _backward_slow(
    func: Any, inputs: Any, i: int, j: int, s: _Settings, words: str, factor: Any, project: Any
) -> None:
    numerical, analytical = _jacobians(func, inputs, i, j, s, factor, project)
    if not np.allclose(analytical, numerical, s.rtol, s.atol, equal_nan=True):
        _mismatch("", i, j, numerical, analytical, words)
    _check_reentrant(analytical, _reverse(func, inputs, i, j, factor), s)


def _check_reentrant(first: Any, second: Any, s: _Settings) -> None:
    if np.any(np.abs(first - second) > s.nondet_tol):
        raise GradcheckError(_REENTRANT.format(tol=s.nondet_tol))


def _directions(seed: int, n: int, complex_: bool) -> Any:
    """A fixed random unit vector."""
    draw = np.random.default_rng(seed)
    v = draw.random(n) + 0.1
    if complex_:
        v = v + 1j * (draw.random(n) + 0.1)
    return v / np.linalg.norm(v)


def _backward_fast(
    func: Any, inputs: Any, i: int, j: int, s: _Settings, words: str, factor: Any, project: Any
) -> None:
    x = inputs[i]
    u = _directions(1, x._a.size, False).reshape(x._a.shape)
    n = _values(func, inputs, j).size
    v = _directions(2, n, False)
    numerical = np.dot(v, project(_difference(func, inputs, i, j, u, s.eps)))
    if x.dtype.is_complex:
        numerical = numerical + 1j * np.dot(
            v, project(_difference(func, inputs, i, j, u * 1j, s.eps))
        )
    (back,) = _vjp(func, inputs, i, j, [factor * v])
    analytical = np.dot(back, u.reshape(-1))
    if not np.allclose(analytical, numerical, s.rtol, s.widened(u), equal_nan=True):
        slow = _jacobians(func, inputs, i, j, s, factor, project)
        _mismatch("", i, j, numerical, analytical, words, slow)
    (again,) = _vjp(func, inputs, i, j, [factor * v])
    _check_reentrant(back, again, s)


def _slow_text(numerical: Any, analytical: Any) -> str:
    worst = np.abs(numerical - analytical).max(initial=0.0)
    return (
        f"\nNumerical:\n {_shown(numerical)}\nAnalytical:\n{_shown(analytical)}\n\n"
        f"The max per-element difference (slow mode) is: {worst}.\n"
    )


def _shown(value: Any) -> str:
    return repr(wrap(np.array(value))) if isinstance(value, np.ndarray) else str(value)


# --- further rules of backward -------------------------------------------------------------------


def _check_linear(func: Any, inputs: Any, chosen: list[int], live: list[int]) -> None:
    """A zero cotangent gives a zero gradient."""
    outs = _outputs(func, inputs)
    outs = [outs[j] for j in live]
    zeros = [_cotangent(o, np.zeros(o._a.size)) for o in outs]
    for i, g in zip(
        chosen, _grad(outs, [inputs[i] for i in chosen], zeros, allow_unused=True), strict=True
    ):
        if isinstance(g, SparseTensor):
            raise GradcheckError(f"grad is incorrect layout ({g.layout} is not {inputs[i].layout})")
        if g is not None and np.any(_host(g) != 0):
            raise GradcheckError("backward not multiplied by grad_output")


class _Undefined(Function):
    """The value, and no cotangent."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """The value in memory of its own."""
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """None."""
        return None


def _check_undefined(func: Any, inputs: Any, chosen: list[int], live: list[int]) -> None:
    """Where no cotangent of an output arrives, or of any, what comes is zero."""
    targets = [inputs[i] for i in chosen]
    cases = [set(live)] + [{j} for j in live] * (len(live) > 1)
    for case in cases:
        outs = _outputs(func, inputs)
        reached = [_Undefined.apply(outs[j]) if j in case else outs[j] for j in live]
        zeros = [_cotangent(outs[j], np.zeros(outs[j]._a.size)) for j in live]
        try:
            grads = _grad(reached, targets, zeros, allow_unused=True)
        except RuntimeError as error:
            _refuse_undefined("backward function to handle undefined output grads", error)
        if any(g is not None and np.any(_host(g) != 0) for g in grads):
            _refuse_undefined(
                "all input grads to be undefined or zero when all output grads are undefined or "
                "zero"
            )


def _refuse_undefined(what: str, cause: Exception | None = None) -> NoReturn:
    warnings.warn(
        "Backwards compatibility: New undefined gradient support checking feature is enabled by "
        "default, but it may break existing callers of this function. If this is true for you, you "
        'can call this function with "check_undefined_grad=False" to disable the feature',
        stacklevel=6,
    )
    raise GradcheckError(
        f"Expected {what}. Please look at "
        '"Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
    ) from cause


def _check_undefined_forward(
    func: Any, inputs: Any, chosen: list[int], live: list[int], s: _Settings
) -> None:
    """An input without a tangent counts as one with a tangent of zero."""
    zeros = {i: _cotangent(inputs[i], np.zeros(inputs[i]._a.size)) for i in chosen}
    for i in chosen:
        u = _cotangent(inputs[i], _directions(1, inputs[i]._a.size, inputs[i].dtype.is_complex))
        alone = _dual_outputs(func, inputs, {i: u})
        if len(chosen) == 1:
            continue
        whole = _dual_outputs(func, inputs, {**zeros, i: u})
        for j in live:
            a, b = _flat_tangent(*alone[j]), _flat_tangent(*whole[j])
            if not np.allclose(a, b, s.rtol, s.atol, equal_nan=True):
                raise GradcheckError(
                    f"Expected tangents of output {j} not to depend on whether inputs besides {i} "
                    "have no tangents or tangents of zero"
                )


def _check_batched(
    func: Any, inputs: Any, chosen: list[int], live: list[int], s: _Settings
) -> None:
    """vmap over cotangents agrees with a loop."""
    targets = [inputs[i] for i in chosen]
    for j in live:
        o = _outputs(func, inputs)[j]
        rows = [_cotangent(o, _directions(k, o._a.size, o.dtype.is_complex)) for k in (3, 4)]
        each = [_grad(o, targets, r, retain_graph=True, allow_unused=True) for r in rows]
        stacked = wrap(np.stack([_host(r) for r in rows]), o.device)
        at_once = _batch(lambda: _grad(
            o, targets, stacked, retain_graph=True, allow_unused=True, is_grads_batched=True  # noqa: B023
        ), "")  # fmt: skip
        for i, got in zip(chosen, at_once, strict=True):
            wanted = [e[chosen.index(i)] for e in each]
            _same_batch(got, wanted, i, j, "gradients", s)


def _batch(run: Callable[[], Any], mode: str) -> Any:
    """What `run` gives; a refusal inside of vmap is the check's."""
    try:
        return run()
    except RuntimeError as error:
        text = _RANDOM if str(error).startswith("vmap: called random operation") else str(error)
        raise GradcheckError(
            f"While computing batched gradients, got: {text}\n\n"
            f"gradcheck or gradgradcheck failed while testing batched gradient computation{mode}."
        ) from error


_RANDOM = (
    "vmap: We do not yet support calling random operations inside of vmap. Please perform random "
    "operations outside of vmap as a workaround"
)


def _same_batch(got: Any, wanted: list[Any], i: int, j: int, what: str, s: _Settings) -> None:
    if got is None or wanted[0] is None:
        return
    a, b = _host(got), np.stack([_host(w) for w in wanted])
    if not np.allclose(a, b, s.rtol, s.atol, equal_nan=True):
        raise GradcheckError(
            f"For output {j} and input {i}:\nGot:\n{_shown(a)}\nExpected:\n{_shown(b)}\n"
            f"while computing batched {what}: vmap over the derivative differs from a loop."
        )


def _check_batched_forward(
    func: Any, inputs: Any, chosen: list[int], live: list[int], s: _Settings
) -> None:
    from franken.transforms.api import vmap

    for i in chosen:
        x = inputs[i]

        def along(t: Any, i: int = i) -> Any:
            outs = _dual_outputs(func, inputs, {i: t})
            return tuple([o.new_zeros(o.shape) if t is None else t for o, t in outs])

        rows = [_cotangent(x, _directions(k, x._a.size, x.dtype.is_complex)) for k in (3, 4)]
        each = [along(r) for r in rows]
        stacked = wrap(np.stack([_host(r) for r in rows]), x.device)
        at_once = _batch(lambda: vmap(along)(stacked), " with forward-mode AD")  # noqa: B023
        for j in live:
            wanted = [e[j].detach() for e in each]
            _same_batch(at_once[j].detach(), wanted, i, j, "forward gradients", s)


# --- second order --------------------------------------------------------------------------------


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6,
    atol: float = 1e-5, rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True, fast_mode: bool = False,
    masked: bool = False,
) -> bool:  # fmt: skip
    """gradcheck of the backward pass of `func`, by its inputs and by the cotangents.

    >>> import franken as torch
    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x * x * x, (x,))
    True
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outs = [o for o in _outputs(func, inputs) if o.requires_grad]
    if grad_outputs is None:
        given = tuple([
            _cotangent(o, _directions(5 + k, o._a.size, o.dtype.is_complex)).requires_grad_()
            for k, o in enumerate(outs)
        ])  # fmt: skip
    else:
        given = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    if gen_non_contig_grad_outputs:
        given = tuple([_strided(g) for g in given])
    n = len(given)
    wanted_at = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]

    def first_derivative(*args: Any) -> Any:
        points, cotangents = args[: len(args) - n], args[len(args) - n :]
        if any(isinstance(a, Tensor) and a.level for a in args):
            return _traced_vjp(func, points, cotangents, wanted_at)
        live = [o for o in _outputs(func, points) if o.requires_grad]
        wanted = [points[i] for i in wanted_at]
        got = _grad(live, wanted, cotangents, create_graph=True, allow_unused=True)
        return tuple([g for g in got if g is not None])

    return gradcheck(
        first_derivative, (*inputs, *given), eps=eps, atol=atol, rtol=rtol,
        raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, masked=masked,
    )  # fmt: skip


def _traced_vjp(func: Any, points: Any, cotangents: Any, wanted: list[int]) -> Any:
    """The gradients as a transform, whose tape lies above that of forward mode."""
    from franken.transforms.api import vjp

    def of_wanted(*chosen: Any) -> Any:
        call = list(points)
        for i, x in zip(wanted, chosen, strict=True):
            call[i] = x
        return tuple(_outputs(func, call))

    _, back = vjp(of_wanted, *[points[i] for i in wanted])
    return back(tuple(cotangents))


def _strided(g: Any) -> Any:
    """The same values in memory with gaps."""
    a = _host(g.detach())
    wide = np.zeros((*a.shape, 2), a.dtype)
    wide[..., 0] = a
    return wrap(wide[..., 0], g.device).requires_grad_()


class _CallableModule(types.ModuleType):
    """`autograd.gradcheck` is the function and `import franken.autograd.gradcheck` the module."""

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
