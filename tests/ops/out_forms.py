"""What an op does with its `out=`: the forms an output may have, and what is seen afterwards.

A form turns the result of a plain call into a target; the report of a call with that target is
made of plain values, so that two libraries' reports can be compared. Knows no op by name.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from conformance import cases
from conformance.oracle import Side
from conformance.values import build, dtype_name, to_numpy


def _blank(side: Side, shape: Any, dtype: Any) -> Any:
    return side.module.ones(*shape, dtype=dtype) if shape else side.module.ones((), dtype=dtype)


def fresh(side: Side, r: Any, inputs: Any) -> Any:
    """Of the result's shape and dtype."""
    return _blank(side, r.shape, r.dtype)


def window(side: Side, r: Any, inputs: Any) -> Any:
    """Every other element of a larger tensor."""
    base = _blank(side, (*[2 * n for n in r.shape], 2), r.dtype)
    return base[tuple(slice(None, None, 2) for _ in r.shape) + (1,)]


def turned(side: Side, r: Any, inputs: Any) -> Any:
    """A transpose: the axes lie in reverse."""
    shape = tuple(r.shape)[::-1]
    return _blank(side, shape, r.dtype).permute(*reversed(range(len(shape)))) if shape else None


def empty(side: Side, r: Any, inputs: Any) -> Any:
    """Without elements: to be resized without a word."""
    return _blank(side, (0,), r.dtype)


def short(side: Side, r: Any, inputs: Any) -> Any:
    """Of a wrong shape: resized, with a warning."""
    return _blank(side, (*r.shape, 3), r.dtype)


def shorter_view(side: Side, r: Any, inputs: Any) -> Any:
    """A part of a memory that has room for the result."""
    return _blank(side, (r.numel() + 9,), r.dtype)[2:4]


def other_kind(kind: str) -> Any:
    """Of the result's shape in another dtype."""

    def form(side: Side, r: Any, inputs: Any) -> Any:
        dtype = getattr(side.module, kind)
        return None if dtype is r.dtype else _blank(side, r.shape, dtype)

    form.__name__ = kind
    return form


def expanded(side: Side, r: Any, inputs: Any) -> Any:
    """Several elements in one place: refused."""
    if r.numel() < 2:
        return None
    return _blank(side, (), r.dtype).expand(r.shape)


def grows(side: Side, r: Any, inputs: Any) -> Any:
    """A leaf that requires a gradient: refused."""
    if not (r.dtype.is_floating_point or r.dtype.is_complex):
        return None
    return _blank(side, r.shape, r.dtype).requires_grad_()


def _alike(r: Any, inputs: Any) -> Any:
    for t in inputs:
        if t.shape == r.shape and t.dtype == r.dtype:
            return t
    return None


def own(side: Side, r: Any, inputs: Any) -> Any:
    """One of the inputs itself."""
    return _alike(r, inputs)


def partly(side: Side, r: Any, inputs: Any) -> Any:
    """Memory that an input shares in part."""
    t = _alike(r, inputs)
    if t is None or t.ndim == 0 or t.shape[0] < 2:
        return None
    long = side.module.cat([t.detach(), t.detach()[:1]])
    inputs[[k for k, u in enumerate(inputs) if u is t][0]] = long[:-1]
    return long[1:]


FORMS = (fresh, window, turned, empty, short, shorter_view, other_kind("float64"),
         other_kind("int64"), other_kind("bool"), other_kind("complex64"), other_kind("int8"),
         other_kind("float16"), expanded, grows, own, partly)  # fmt: skip


def listed(value: Any) -> list[Any]:
    """The outputs of a call; none if it has none that `out=` could take."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def report(side: Side, fn: Any, sample: cases.Sample, form: Any) -> Any:
    """What a call with `out=` does: values, layouts, versions and warnings, or the error."""
    memo: dict[int, Any] = {}
    args = build(sample.args, side, memo, False)
    kwargs = build(sample.kwargs, side, memo, False)
    if sample.pre:
        args = sample.pre(*args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        side.seed(5)
        plain = fn(*args, **kwargs)
    results = listed(plain)
    if not all(side.is_tensor(r) for r in results):
        return None
    keys = list(memo)
    inputs = [memo[k] for k in keys]
    targets = [form(side, r, inputs) for r in results]
    if any(t is None for t in targets):
        return None
    replaced = dict(zip(keys, inputs, strict=True))
    args = build(sample.args, side, replaced, False)
    kwargs = build(sample.kwargs, side, replaced, False)
    if sample.pre:
        args = sample.pre(*args)
    out: Any = targets if isinstance(plain, list) else tuple(targets)
    if not isinstance(plain, (tuple, list)):
        out = targets[0]
    before = [(t._version, t.data_ptr(), t.numel()) for t in targets]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        side.seed(5)
        try:
            got = fn(*args, **kwargs, out=out)
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
            return type(error).__name__, head(str(error))
    got = listed(got)
    seen = []
    for t, g, (version, place, size) in zip(targets, got, before, strict=True):
        moved = t.data_ptr() == place if size and t.numel() else None
        steps = tuple(t.stride()) if t.numel() else None  # nobody reads by them
        seen.append((g is t, dtype_name(t.dtype), tuple(t.shape), steps,
                     t._version > version, moved, to_numpy(t)))  # fmt: skip
    return [
        sorted({head(str(w.message))[:60] for w in caught if "resized" in str(w.message)}),
        seen,
    ]


def head(text: str) -> str:
    """The first words of a message, without numbers."""
    return re.sub(r"\d+", "N", text.split("\n")[0].split("  (Could")[0])[:90]
