"""The checks: each compares one property of one op on one sample.

A check returns on success and otherwise raises Failed or NotProven with the reason. What the
oracle refuses is NotProven; what only franken refuses is Failed. Knows no op by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance import compare
from conformance.cases import Sample
from conformance.oracle import Side, rebind
from conformance.values import build, dtype_name, to_numpy
from franken.core.errors import NotProven

WIDER = {
    "float32": "float64", "float16": "float64", "bfloat16": "float64", "complex64": "complex128",
}  # fmt: skip
STEP = 1e-6  # of finite differences, in double precision


class Failed(Exception):
    """Franken is wrong, or refuses what the oracle does."""


class Pair:
    """One op on one sample, callable on either side; `contents`: its result's are determined."""

    def __init__(
        self,
        sample: Sample,
        fns: tuple[Any, Any],
        ours: Side,
        theirs: Side | None,
        contents: bool = True,
    ) -> None:
        self.sample, self.ours, self.theirs = sample, ours, theirs
        self.our_fn, self.their_fn = fns
        self.contents = contents

    def fn(self, side: Side) -> Any:
        """The op's function on a side."""
        return self.our_fn if side is self.ours else self.their_fn

    def run(self, side: Side, widen: Any = None, seed: int = 11, post: bool = False) -> Any:
        """The op's result on fresh arguments, with the generator at a fixed seed."""
        memo: dict[int, Any] = {}
        args = build(self.sample.args, side, memo, False, widen)
        kwargs = build(self.sample.kwargs, side, memo, False, widen)
        side.seed(seed)
        out = self.fn(side)(*self.prepared(args), **kwargs)
        return self.processed(out, side) if post else out

    def prepared(self, args: Any) -> Any:
        """The arguments as the op takes them."""
        return self.sample.pre(*args) if self.sample.pre else args

    def processed(self, out: Any, side: Side) -> Any:
        """The result as torch's suite compares it (eigenvectors up to their phase, ...)."""
        return rebind(self.sample.post, side.module)(out) if self.sample.post else out

    def differentiable(self, side: Side, grad: bool = True) -> tuple[Any, list[Any]]:
        """(f, primals): the op as a function of its differentiable tensors alone."""
        memo: dict[int, Any] = {}
        build([self.sample.args, self.sample.kwargs], side, memo, grad)
        keys = [k for k, f in sorted(self._leaves().items()) if f.grad]

        def f(*primals: Any) -> tuple[Any, ...]:
            inside = dict(memo)
            inside.update(zip(keys, primals, strict=True))
            args = build(self.sample.args, side, inside, False)
            kwargs = build(self.sample.kwargs, side, inside, False)
            side.seed(11)
            out = self.processed(self.fn(side)(*self.prepared(args), **kwargs), side)
            leaves = [v for _, v in compare.flatten(out, side) if side.is_tensor(v)]
            return tuple(v for v in leaves if v.dtype.is_floating_point or v.dtype.is_complex)

        return f, [memo[k] for k in keys]

    def _leaves(self) -> dict[int, Any]:
        from conformance.values import tensors

        return {f.key: f for f in tensors([self.sample.args, self.sample.kwargs])}

    def random(self) -> bool:
        """Whether the oracle's result depends on the generator's seed."""
        side = self.theirs if self.their_fn else self.ours
        return compare.bits(self.run(side), side) != compare.bits(self.run(side, seed=12), side)

    def refusal(self) -> BaseException | None:
        """The exception that the oracle raises for this call, if it does."""
        if self.their_fn is None:
            return self._unwritten()
        try:
            self.run(self.theirs)
        except Exception as error:
            return error
        return None

    def _unwritten(self) -> BaseException | None:
        """Franken's own statement that this dtype or mode is not for the op."""
        try:
            self.run(self.ours)
        except Exception as error:
            complex_ = any("complex" in f.dtype for f in self._leaves().values())
            return error if complex_ or "not implemented" in str(error) else None
        return None

    def has_gradient(self) -> bool:
        """Whether the oracle (or, if it lacks the op, franken) differentiates this call."""
        side = self.theirs if self.their_fn else self.ours
        try:
            _pulled(self, side)
        except NotProven:
            return False
        except Exception as error:  # franken's own trouble is for the checks to find
            return side is self.ours and not _says_none(error)
        return True


def _says_none(error: BaseException) -> bool:
    """Whether an exception says that the op, or this mode of it, has no derivative."""
    return bool(re.search("derivative (for|of) .*|not differentiable", str(error)))


def _oracle(action: Callable[[], Any]) -> Any:
    """Run on the oracle; a refusal (of whatever type) proves nothing."""
    try:
        return action()
    except NotProven:
        raise
    except Exception as error:
        raise NotProven(f"the oracle refuses: {brief(error)}") from error


def _franken(action: Callable[[], Any]) -> Any:
    """Run on franken; any error is a failure."""
    try:
        return action()
    except Exception as error:
        raise Failed(brief(error)) from error


def _same(pair: Pair, got: Any, want: Any, tolerance: Any = None, precise: Any = None) -> None:
    try:
        compare.same(got, want, pair.ours, pair.theirs, tolerance, precise, pair.contents)
    except compare.Differs as error:
        raise Failed(str(error)) from error


def brief(error: BaseException) -> str:
    """An exception's type and text on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:240]


# --- forward --------------------------------------------------------------------------------------


def value(pair: Pair) -> None:
    """Values, dtypes, shapes and structure are the oracle's."""
    if pair.their_fn is None:
        raise NotProven(_no_oracle(pair))
    want = _oracle(lambda: pair.run(pair.theirs))
    got = _franken(lambda: pair.run(pair.ours))
    try:
        _same(pair, got, want, precise=lambda: _precise(pair))
    except Failed:
        # A result that is unique only up to a sign or an order is compared as torch's suite does.
        if pair.sample.post is None or pair.sample.post.__qualname__.startswith("SampleInput"):
            raise
        _same(pair, pair.processed(got, pair.ours), pair.processed(want, pair.theirs))


def _no_oracle(pair: Pair) -> str:
    return "the oracle has no such op" if pair.theirs else "there is no oracle"


def _precise(pair: Pair) -> Any:
    try:
        return pair.run(pair.theirs, WIDER)
    except Exception as error:
        raise compare.Differs(f"no double-precision reference: {brief(error)}") from error


def errors(pair: Pair) -> None:
    """What torch refuses is refused with the same exception type."""
    kinds = pair.sample.error
    if pair.their_fn is None:
        raise NotProven(_no_oracle(pair))
    try:
        pair.run(pair.theirs)
    except kinds:
        pass
    except Exception as error:
        raise NotProven(f"the oracle raises {brief(error)}") from error
    else:
        raise NotProven("the oracle does not raise")
    names = {k.__name__ for k in kinds}
    try:
        pair.run(pair.ours)
    except Exception as error:
        above = {k.__name__ for k in type(error).__mro__}
        unwritten = isinstance(error, NotImplementedError) and "NotImplementedError" not in names
        if not names & above or unwritten:
            raise Failed(f"{brief(error)}; expected {sorted(names)}") from error
    else:
        raise Failed(f"no exception; expected {sorted(names)}")


# --- derivatives ----------------------------------------------------------------------------------


def cotangent(side: Side, like: Any, seed: int) -> Any:
    """A reproducible tensor of a result's shape and dtype, away from zero."""
    rng = np.random.default_rng(1000 + seed)
    shape = tuple(like.shape)
    a = rng.uniform(0.25, 1.25, shape) * rng.choice([-1.0, 1.0], shape)
    if like.dtype.is_complex:
        a = a + 1j * rng.uniform(-1, 1, shape)
    return side.module.tensor(np.asarray(a)).to(getattr(side.module, dtype_name(like.dtype)))


def _pulled(pair: Pair, side: Side, create_graph: bool = False) -> tuple[Any, Any, Any]:
    """(gradients, primals, cotangents) of a random cotangent."""
    f, primals = pair.differentiable(side)
    outs = [o for o in f(*primals) if o.requires_grad]
    if not primals or not outs:
        raise NotProven("no differentiable output")
    cots = [cotangent(side, o, i) for i, o in enumerate(outs)]
    if create_graph:
        cots = [c.requires_grad_(True) for c in cots]
    return side.grad(outs, primals, cots, create_graph), primals, cots


def _filled(side: Side, grads: Any, like: Any) -> list[Any]:
    """Gradients with zeros where there is none: None and zero are the same cotangent."""
    pairs = zip(grads, like, strict=True)
    return [side.module.zeros_like(x).detach() if g is None else g.detach() for g, x in pairs]


def vjp(pair: Pair) -> None:
    """The gradient under a random cotangent is the oracle's, else that of finite differences."""
    if pair.their_fn is None:
        _against_differences(pair)
        return
    want, xs, _ = _oracle(lambda: _pulled(pair, pair.theirs))
    got, ys, _ = _franken_grad(lambda: _pulled(pair, pair.ours))
    _same(pair, _filled(pair.ours, got, ys), _filled(pair.theirs, want, xs), compare.DERIVATIVE)


def _franken_grad(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except NotProven as error:
        raise Failed(f"{error}, where the oracle has one") from error
    except Exception as error:
        raise Failed(brief(error)) from error


def jvp(pair: Pair) -> None:
    """The tangent is the oracle's; without its rule, the transpose of the (checked) VJP."""
    if pair.their_fn is not None:
        got = _franken_grad(lambda: _pushed(pair, pair.ours))
        try:
            want = _pushed(pair, pair.theirs)
        except NotProven:
            raise
        except Exception:  # torch has no forward rule for many ops
            _against_transpose(pair, got)
            return
        _same(pair, got, want, compare.DERIVATIVE)
        return
    got = _franken_grad(lambda: _pushed(pair, pair.ours))
    if not pair.sample.exact or any(dtype_name(g.dtype) in _ROUNDED for g in got):
        raise NotProven(_NOTHING)
    if not _smooth(pair):
        _against_transpose(pair, got)
        return
    slopes = _slopes(pair)
    for i in _live(pair):
        _near(to_numpy(got[i]), slopes[i], "jvp")


def _pushed(pair: Pair, side: Side) -> Any:
    f, primals = pair.differentiable(side, grad=False)
    if not primals:
        raise NotProven("no differentiable input")
    tangents = tuple(cotangent(side, p, 50 + i) for i, p in enumerate(primals))
    _, slopes = side.module.func.jvp(f, tuple(primals), tangents)
    if not slopes:
        raise NotProven("no differentiable output")
    return slopes


def _against_transpose(pair: Pair, pushed: Any) -> None:
    """<c, J t> = <J* c, t> for the random c and t."""
    f, primals = pair.differentiable(pair.ours)
    outs = _franken(lambda: f(*primals))
    cots = [cotangent(pair.ours, o, i) for i, o in enumerate(outs)]
    live = [(o, c) for o, c in zip(outs, cots, strict=True) if o.requires_grad]
    if not live:
        raise NotProven("no differentiable output")
    pushed = [p for o, p in zip(outs, pushed, strict=True) if o.requires_grad]
    grads = _franken(lambda: pair.ours.grad([o for o, _ in live], primals, [c for _, c in live]))
    tangents = [cotangent(pair.ours, p, 50 + i) for i, p in enumerate(primals)]
    forward = sum(_inner(c, t) for (_, c), t in zip(live, pushed, strict=True))
    back = sum(_inner(g, t) for g, t in zip(grads, tangents, strict=True) if g is not None)
    _near(np.asarray(forward), np.asarray(back), "jvp against vjp")


def _inner(a: Any, b: Any) -> float:
    return float(np.real(np.vdot(to_numpy(a), to_numpy(b))))


def double_backward(pair: Pair) -> None:
    """The gradient of the gradient is the oracle's, else that of finite differences."""
    if pair.their_fn is None:
        _second_differences(pair)
        return
    want = _oracle(lambda: _pulled_twice(pair, pair.theirs))
    got = _franken_grad(lambda: _pulled_twice(pair, pair.ours))
    _same(pair, got, want, compare.DERIVATIVE)


def _pulled_twice(pair: Pair, side: Side) -> Any:
    grads, primals, cots = _pulled(pair, side, create_graph=True)
    live = [g for g in grads if g is not None and g.requires_grad]
    leaves = [*primals, *cots]
    if not live:
        return _filled(side, [None] * len(leaves), leaves)
    seeds = [cotangent(side, g, 90 + i) for i, g in enumerate(live)]
    return _filled(side, side.grad(live, leaves, seeds), leaves)


# --- finite differences, where there is no oracle -------------------------------------------------


_NOTHING = "neither differences nor transposition say anything of its gradient"
_ROUNDED = ("float16", "bfloat16", "complex32")  # too coarse for `_near`


def _smooth(pair: Pair) -> bool:
    """Whether a small real step says something: in float64, where gradients are derivatives."""
    f, primals = pair.differentiable(pair.ours, grad=False)
    if not pair.sample.exact or any(p.dtype.is_complex for p in primals):
        return False
    values = [*primals, *f(*primals)]
    return all(dtype_name(v.dtype) in ("float64", "complex128") for v in values)


def _need_smooth(pair: Pair) -> None:
    if not _smooth(pair):
        raise NotProven(_NOTHING)


def _live(pair: Pair) -> list[int]:
    """Which results are differentiable."""
    f, primals = pair.differentiable(pair.ours)
    return [i for i, o in enumerate(f(*primals)) if o.requires_grad]


def _slopes(pair: Pair) -> list[Any]:
    """Central differences of every output along the random tangents."""
    f, primals = pair.differentiable(pair.ours, grad=False)
    tangents = [cotangent(pair.ours, p, 50 + i) for i, p in enumerate(primals)]
    return [to_numpy(s) for s in _difference(f, primals, tangents)]


def _difference(f: Any, primals: Any, tangents: Any) -> list[Any]:
    moved = [
        f(*[p.detach() + h * t for p, t in zip(primals, tangents, strict=True)])
        for h in (STEP, -STEP)
    ]
    return [(a - b).detach() / (2 * STEP) for a, b in zip(*moved, strict=True)]


def _against_differences(pair: Pair) -> None:
    _need_smooth(pair)
    grads, primals, cots = _franken(lambda: _pulled(pair, pair.ours))
    every = _franken(lambda: _slopes(pair))
    slopes = [every[i] for i in _live(pair)]
    tangents = [cotangent(pair.ours, p, 50 + i) for i, p in enumerate(primals)]
    numeric = sum(
        float(np.real(np.vdot(to_numpy(c), s))) for c, s in zip(cots, slopes, strict=True)
    )
    back = sum(_inner(g, t) for g, t in zip(grads, tangents, strict=True) if g is not None)
    _near(np.asarray(back), np.asarray(numeric), "vjp against finite differences")


def _second_differences(pair: Pair) -> None:
    _need_smooth(pair)
    try:
        twice = _pulled_twice(pair, pair.ours)
    except Exception as error:
        raise (NotProven if _says_none(error) else Failed)(brief(error)) from error
    f, primals = pair.differentiable(pair.ours)
    tangents = [cotangent(pair.ours, p, 50 + i) for i, p in enumerate(primals)]

    def gradient(*xs: Any) -> list[Any]:
        leaves = [x.detach().requires_grad_(True) for x in xs]
        outs = [o for o in f(*leaves) if o.requires_grad]
        cots = [cotangent(pair.ours, o, i) for i, o in enumerate(outs)]
        got = pair.ours.grad(outs, leaves, cots)
        return _filled(pair.ours, got, leaves)

    rates = _franken(lambda: _difference(gradient, primals, tangents))
    grads, _, _ = _pulled(pair, pair.ours, create_graph=True)
    live = [i for i, g in enumerate(grads) if g is not None and g.requires_grad]
    seeds = [cotangent(pair.ours, grads[i], 90 + k) for k, i in enumerate(live)]
    numeric = sum(_inner(s, rates[i]) for s, i in zip(seeds, live, strict=True))
    exact = sum(_inner(g, t) for g, t in zip(twice, tangents, strict=False))
    _near(np.asarray(exact), np.asarray(numeric), "double backward against finite differences")


def _near(got: Any, want: Any, what: str) -> None:
    rtol, atol = compare.NUMERIC["float64"]
    if not compare.close(got, want, rtol, atol):
        raise Failed(f"{what}: {np.ravel(got)[:3]}, expected {np.ravel(want)[:3]}")


# --- batching and replay --------------------------------------------------------------------------


def _need_contents(pair: Pair) -> None:
    if not pair.contents:
        raise NotProven("the result is uninitialised memory")


def vmap(pair: Pair) -> None:
    """franken.vmap equals a Python loop over the batch, with franken itself."""
    _need_contents(pair)
    if _oracle(pair.random):
        raise NotProven("random")
    f, primals = pair.differentiable(pair.ours, grad=False)
    if not primals:
        raise NotProven("no floating-point tensor to batch")
    batched = [pair.ours.module.stack([p.detach(), p.detach() * 0.75]) for p in primals]
    for chosen in {tuple(True for _ in primals), tuple(i == 0 for i, _ in enumerate(primals))}:
        in_dims = tuple(0 if c else None for c in chosen)
        given = [b if c else p for b, p, c in zip(batched, primals, chosen, strict=True)]
        _loop_equals(pair, f, given, in_dims)


def _loop_equals(pair: Pair, f: Any, given: Any, in_dims: Any) -> None:
    ours = pair.ours.module

    def at(i: int) -> Any:
        # a clone, because as_strided would reach beyond a row
        return f(*[g if d is None else g[i].clone() for g, d in zip(given, in_dims, strict=True)])

    try:
        want = [ours.stack(each) for each in zip(at(0), at(1), strict=True)]
    except Exception as error:
        raise NotProven(f"the loop itself refuses: {brief(error)}") from error
    if not want:
        raise NotProven("no floating-point output")
    try:
        got = list(ours.func.vmap(f, in_dims=in_dims)(*given))
    except Exception as error:
        if not _torch_batches(pair, in_dims):
            raise NotProven(f"the oracle does not batch it either: {brief(error)}") from error
        raise Failed(brief(error)) from error
    try:
        compare.same(got, want, pair.ours, pair.ours)
    except compare.Differs as error:
        raise Failed(f"in_dims={in_dims}: {error}") from error


def _torch_batches(pair: Pair, in_dims: Any) -> bool:
    if pair.their_fn is None:
        return True  # nobody else to ask: franken must
    f, primals = pair.differentiable(pair.theirs, grad=False)
    torch = pair.theirs.module
    given = [
        p if d is None else torch.stack([p, p * 0.75])
        for p, d in zip(primals, in_dims, strict=True)
    ]
    try:
        torch.func.vmap(f, in_dims=in_dims)(*given)
    except Exception:
        return False
    return True


def replay(pair: Pair) -> None:
    """The same call twice gives the same bits, and so do its gradients."""
    _need_contents(pair)
    first, second = (
        compare.bits(_franken(lambda: pair.run(pair.ours)), pair.ours) for _ in range(2)
    )
    if first != second:
        raise Failed("two calls give different bits")
    if not pair.has_gradient():
        return
    grads = []
    for _ in range(2):
        try:
            got, primals, _ = _pulled(pair, pair.ours)
        except NotProven:
            return  # nothing differentiable comes out
        except Exception as error:
            raise Failed(brief(error)) from error
        grads.append(compare.bits(_filled(pair.ours, got, primals), pair.ours))
    if grads[0] != grads[1]:
        raise Failed("two backward passes give different bits")


DERIVATIVES = ("vjp", "jvp", "double_backward")
DIFFERENCES = ("vjp", "double_backward")  # made of finite differences where there is no oracle
ALWAYS = ("vmap", "replay")
NAMES = ("value", "errors", *DERIVATIVES, *ALWAYS)
