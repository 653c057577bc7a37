"""What a result's layout is compared in: the function, its method, `out=` and the gradients.

Each form of an op on one laid-out sample: strides and values are the oracle's, and so is whether
the result can be viewed as one axis. What the oracle refuses is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from conformance import compare
from conformance.cases import Case, Sample
from conformance.checks import Failed, NotProven, Pair, brief, cotangent
from conformance.known import CRASHES, UNINITIALISED
from conformance.layout_cases import variants
from conformance.oracle import Side
from conformance.runner import Options, Result, _samples, _verdict
from conformance.values import build

FORMS = ("function", "method", "out", "gradient")
_SINGULAR = re.compile(r"singular|is zero", re.IGNORECASE)
DTYPES = ("float64", "int64", "bool", "complex128")  # the first that an op takes


def run_case(case: Case, options: Options, ours: Side, theirs: Side | None) -> list[Result]:
    """All layouts of one op, in this process."""
    if theirs is None:
        raise NotProven("there is no oracle")
    fns = case.functions(ours, theirs)
    if fns[1] is None:
        return []
    found = []
    for layout, sample in _laid_out(case, options, ours, theirs):
        pair = Pair(sample, fns, ours, theirs, case.name not in UNINITIALISED)
        for form in FORMS:
            if CRASHES.get(case.name, "\n") in f"{form} {layout}":
                continue
            run: Callable[[Any], None] = Form(case, form, layout).check
            verdict, reason = _verdict(run, pair, options)
            if verdict != "NOT PROVEN":
                found.append(Result(case.name, case.source, form, layout, verdict, reason))
    return found


def _laid_out(
    case: Case, options: Options, ours: Side, theirs: Side
) -> Iterator[tuple[str, Sample]]:
    for dtype in DTYPES:
        samples = _samples(case, dtype, options.samples, ours, theirs)
        if samples:
            for sample in samples[: options.samples]:
                yield from variants(sample)
            return


class Form:
    """One form of an op, to be run on both sides."""

    def __init__(self, case: Case, form: str, layout: str) -> None:
        self.case, self.form, self.layout = case, form, layout
        self.call: Callable[[Pair, Side], Any] = getattr(self, f"_{form}")

    def check(self, pair: Pair) -> None:
        """Compare strides, values and viewability of the results on both sides."""
        try:
            want = self.call(pair, pair.theirs)  # type: ignore[arg-type]
        except NotProven:
            raise
        except Exception as error:
            raise NotProven(f"the oracle refuses: {brief(error)}") from error
        try:
            got = self.call(pair, pair.ours)
        except Exception as error:
            if "expanded" in self.layout and _SINGULAR.search(str(error)):
                raise NotProven(f"equal rows, pivots left to rounding: {brief(error)}") from error
            raise Failed(f"{self.layout}: {brief(error)}") from error
        try:
            if self.form == "function":
                compare.same(got, want, pair.ours, pair.theirs, contents=False)  # type: ignore[arg-type]
            # what backward leaves has the strides of its leaf on axes that have any steps
            loose = self.form == "gradient"
            same_layout(got, want, pair.ours, pair.theirs, loose)  # type: ignore[arg-type]
            # equal rows: singular matrices and ties, of which much is left open
            told = pair.contents and "expanded" not in self.layout
            if self.form == "function" and told:
                _same_values(pair, got, want)
        except compare.Differs as error:
            raise Failed(f"{self.layout}: {error}") from error

    def _function(self, pair: Pair, side: Side) -> Any:
        return pair.run(side)

    def _method(self, pair: Pair, side: Side) -> Any:
        name = getattr(self.case.what, "name", "")
        if self.case.source != "declared" or "." in name or self.case.what.method is None:
            raise NotProven("no method")
        args, kwargs = _arguments(pair, side)
        if not args or not side.is_tensor(args[0]):
            raise NotProven("not a method's arguments")
        return getattr(args[0], name)(*args[1:], **kwargs)

    def _out(self, pair: Pair, side: Side) -> Any:
        """Results in an empty `out`, and in one that has the right shape in another order."""
        if self.case.source == "declared" and not self.case.what.out:
            raise NotProven("no out=")
        plain = pair.run(side)
        empty = _targets(plain, side, lambda t: t.detach().new_empty((0,)))
        turned = _targets(plain, side, _turned)
        found = []
        for target in (empty, turned):
            args, kwargs = _arguments(pair, side)
            side.seed(11)
            found.append(pair.fn(side)(*args, **kwargs, out=target))
        return found

    def _gradient(self, pair: Pair, side: Side) -> Any:
        """What backward leaves in `.grad` of each leaf."""
        if not pair.sample.wants_grad():
            raise NotProven("nothing differentiable")
        memo: dict[int, Any] = {}
        args = build(pair.sample.args, side, memo, True)
        kwargs = build(pair.sample.kwargs, side, memo, True)
        side.seed(11)
        out = pair.processed(pair.fn(side)(*pair.prepared(args), **kwargs), side)
        outs = [v for _, v in compare.flatten(out, side) if side.is_tensor(v) and v.requires_grad]
        if not outs:
            raise NotProven("nothing differentiable comes out")
        side.module.autograd.backward(outs, [cotangent(side, o, i) for i, o in enumerate(outs)])
        return [memo[k].grad for k in sorted(memo)]


def _arguments(pair: Pair, side: Side) -> tuple[Any, Any]:
    memo: dict[int, Any] = {}
    args = build(pair.sample.args, side, memo, False)
    return pair.prepared(args), build(pair.sample.kwargs, side, memo, False)


def _targets(plain: Any, side: Side, make: Callable[[Any], Any]) -> Any:
    if side.is_tensor(plain):
        return make(plain)
    if isinstance(plain, tuple) and all(side.is_tensor(t) for t in plain):
        return tuple(make(t) for t in plain)
    raise NotProven("not a result for out=")


def _turned(t: Any) -> Any:
    shape = tuple(t.shape)
    return t.detach().new_zeros(shape[::-1]).permute(tuple(range(len(shape)))[::-1])


def _same_values(pair: Pair, got: Any, want: Any) -> None:
    try:
        compare.same(got, want, pair.ours, pair.theirs)  # type: ignore[arg-type]
    except compare.Differs:
        # what is unique only up to a sign or an order
        if pair.sample.post is None or pair.sample.post.__qualname__.startswith("SampleInput"):
            raise
        theirs = pair.theirs
        assert theirs is not None
        compare.same(
            pair.processed(got, pair.ours), pair.processed(want, theirs), pair.ours, theirs
        )


def same_layout(got: Any, want: Any, ours: Side, theirs: Side, loose: bool = False) -> None:
    """Raise Differs unless all tensors of two results have the same strides.

    If `loose`, only on axes along which a step can be made.
    """
    a, b = compare.flatten(got, ours), compare.flatten(want, theirs)
    for (where, g), (_, w) in zip(a, b, strict=True):
        if not theirs.is_tensor(w) or not ours.is_tensor(g) or "strided" not in str(w.layout):
            continue
        mine, wanted = tuple(g.stride()), tuple(w.stride())
        if loose:
            mine, wanted = _steps(w.shape, mine), _steps(w.shape, wanted)
        if mine != wanted:
            shape = tuple(w.shape)
            idle = len(mine) == len(wanted) == len(shape) and not loose
            idle = idle and _steps(shape, mine) == _steps(shape, wanted)
            what = "strides of axes without steps" if idle else "strides"
            raise compare.Differs(f"out{where}: {what} {mine}, expected {wanted} of {shape}")
        if _viewable(g) != _viewable(w):
            raise compare.Differs(f"out{where}: view(-1) is not as the oracle's")


def _steps(shape: Any, strides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for n, s in zip(shape, strides, strict=True) if n > 1) if 0 not in shape else ()


def _viewable(t: Any) -> bool:
    try:
        t.detach().view(-1)
    except RuntimeError as error:
        if not re.search("view size is not compatible|reshape", str(error)):
            raise
        return False
    return True
