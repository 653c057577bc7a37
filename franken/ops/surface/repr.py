"""How a tensor prints: torch's layout, digits and suffixes.

Knows host arrays and text. All numbers of one tensor share a format: fixed point, or scientific
where the magnitudes spread too far; halves and integers of any width print like their wider kin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.device import CPU
from franken.core.node import Leaf, edge_of, split_edge
from franken.core.op import op
from franken.core.tensor import Parameter, Tensor, attach
from franken.ops.declaring.samples import NoSamples
from franken.ops.surface.read import host_array

_DEFAULTS: dict[str, Any] = {
    "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
}  # fmt: skip
_PROFILES: dict[str, dict[str, Any]] = {
    "default": _DEFAULTS,
    "short": {**_DEFAULTS, "precision": 2, "edgeitems": 2},
    "full": {**_DEFAULTS, "threshold": math.inf},
}
OPTIONS = dict(_DEFAULTS)
_UNSHOWN_DTYPES = (dt.int64, dt.bool)


@op(method=False, samples=NoSamples("a setting of the process"))
def set_printoptions(
    precision: Any = None, threshold: Any = None, edgeitems: Any = None, linewidth: Any = None,
    profile: Any = None, sci_mode: Any = None,
) -> None:  # fmt: skip
    """Set digits, the element count to summarise from, items kept at edges, and line width."""
    if profile is not None:
        OPTIONS.update(_PROFILES[profile])
    given = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    OPTIONS.update({k: v for k, v in given.items() if v is not None})
    OPTIONS["sci_mode"] = sci_mode


class Formatter:
    """The common format of a real array's elements."""

    __slots__ = ("kind", "sci", "whole", "width")

    def __init__(self, a: Any) -> None:
        self.kind = a.dtype.kind
        self.whole, self.sci = True, False
        if self.kind == "f":
            counted = a[np.isfinite(a) & (a != 0)]  # zeros and non-finite values claim no width
            self._choose(np.abs(counted))
            self.width = max([1, *(len(self.text(v)) for v in counted.tolist())])
        else:
            self.width = max([1, *(len(str(v)) for v in a.ravel().tolist())])

    def _choose(self, sizes: Any) -> None:
        if not sizes.size:
            return
        low, high = float(sizes.min()), float(sizes.max())
        self.whole = bool((np.ceil(sizes) == sizes).all())
        with np.errstate(over="ignore"):
            spread = float(sizes.max() / sizes.min())
        self.sci = spread > 1000.0 or high > 1.0e8 or (not self.whole and low < 1.0e-4)
        if OPTIONS["sci_mode"] is not None:
            self.sci = OPTIONS["sci_mode"]

    def text(self, v: Any) -> str:
        """One element, unpadded."""
        if self.kind != "f":
            return str(v)
        if self.sci:
            return f"{v:.{OPTIONS['precision']}e}"
        if self.whole:
            return f"{v:.0f}" + ("." if math.isfinite(v) else "")
        return f"{v:.{OPTIONS['precision']}f}"

    def padded(self, v: Any) -> str:
        """One element, right-aligned."""
        return self.text(v).rjust(self.width)


class ComplexFormatter:
    """The common format of a complex array: its two parts side by side."""

    __slots__ = ("imag", "real", "width")

    def __init__(self, a: Any) -> None:
        self.real, self.imag = Formatter(a.real), Formatter(a.imag)
        self.width = self.real.width + self.imag.width + 1

    def padded(self, v: Any) -> str:
        """One element, the real part right-aligned."""
        imag = self.imag.padded(v.imag).lstrip()
        sign = "" if imag[0] in "+-" else "+"
        return f"{self.real.padded(v.real)}{sign}{imag}j"


def formatter(a: Any) -> Any:
    """The format for an array's elements."""
    return ComplexFormatter(a) if a.dtype.kind == "c" else Formatter(a)


# --- layout --------------------------------------------------------------------------------------


def _vector(a: Any, indent: int, summarize: bool, form: Any) -> str:
    per_line = max(1, (OPTIONS["linewidth"] - indent) // (form.width + 2))
    edge = OPTIONS["edgeitems"]
    if summarize and not edge:
        words = ["..."]
    elif summarize and len(a) > 2 * edge:
        head, tail = a[:edge].tolist(), a[-edge:].tolist()
        words = [form.padded(v) for v in head] + [" ..."] + [form.padded(v) for v in tail]
    else:
        words = [form.padded(v) for v in a.tolist()]
    lines = [words[i : i + per_line] for i in range(0, len(words), per_line)] or [[]]
    joint = ",\n" + " " * (indent + 1)
    return "[" + joint.join(", ".join(line) for line in lines) + "]"


def _nested(a: Any, indent: int, summarize: bool, form: Any) -> str:
    if a.ndim == 0:
        return form.padded(a.item()).lstrip() if a.dtype.kind == "b" else form.padded(a.item())
    if a.ndim == 1:
        return _vector(a, indent, summarize, form)
    edge = OPTIONS["edgeitems"]
    if summarize and a.shape[0] > 2 * edge:
        rows = [_nested(a[i], indent + 1, summarize, form) for i in range(edge)]
        rows.append("...")
        rows += [_nested(a[i], indent + 1, summarize, form) for i in range(len(a) - edge, len(a))]
    else:
        rows = [_nested(row, indent + 1, summarize, form) for row in a]
    joint = "," + "\n" * (a.ndim - 1) + " " * (indent + 1)
    return "[" + joint.join(rows) + "]"


def _edges(a: Any) -> Any:
    """The elements that a summary shows, which alone decide the format."""
    edge = OPTIONS["edgeitems"]
    for axis, n in enumerate(a.shape):
        if n > 2 * edge:
            keep = np.r_[0:edge, n - edge : n]
            a = a.take(keep, axis)
    return a


def _shown(a: Any) -> Any:
    """The array in a type whose numbers print as torch's do."""
    if a.dtype.kind == "V" or a.dtype == np.float16:
        return a.astype(np.float32)
    if a.dtype == dt.complex32.np:
        return a.astype(np.complex64)
    return a


def _body(a: Any, indent: int) -> str:
    a = _shown(a)
    summarize = a.size > OPTIONS["threshold"]
    form = formatter(_edges(a) if summarize else a)
    return _nested(a, indent, summarize, form)


def _with_suffixes(text: str, suffixes: list[str], indent: int, newline: bool = False) -> str:
    parts = [text]
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if newline or last + len(suffix) + 2 > OPTIONS["linewidth"]:
            parts.append(",\n" + " " * indent + suffix)
            last = indent + len(suffix)
            newline = False
        else:
            parts.append(", " + suffix)
            last += len(suffix) + 2
    return "".join(parts) + ")"


def _history(t: Tensor) -> list[str]:
    try:
        edge = edge_of(t)
    except RuntimeError:  # a view that may not be used any more is printed even so
        return ["grad_fn=<Invalid>"]
    if edge is None:
        return []
    if type(edge) is Leaf:
        return ["requires_grad=True"]
    name = split_edge(edge)[0].name().rpartition(":")[2]
    return [f"grad_fn=<{name}>"]


def _plain(t: Tensor) -> str:
    prefix = "tensor(" if t.__class__ in (Tensor, Parameter) else f"{t.__class__.__name__}("
    suffixes = []
    if t.device is not CPU:
        suffixes.append(f"device='{t.device}'")
    default = t.dtype in (dt.get_default_dtype(), dt.shown_complex(), *_UNSHOWN_DTYPES)
    if t.device.type == "meta":
        suffixes.append(f"size={_sizes(t)}")
        body, hides_dtype = "...", t.dtype is dt.get_default_dtype()
    elif not t._a.size:
        if t.ndim != 1:
            suffixes.append(f"size={_sizes(t)}")
        body, hides_dtype = "[]", t.dtype is dt.get_default_dtype()
    else:
        body, hides_dtype = _body(host_array(t), len(prefix)), default
    if not hides_dtype:
        suffixes.append(f"dtype={t.dtype}")
    return _with_suffixes(prefix + body, suffixes + _history(t), len(prefix))


def _sizes(t: Tensor) -> str:
    return str(tuple(t.shape))


def _traced(t: Any) -> str:
    inner = repr(t._a).replace("\n", "\n    ")
    level = t.level if t.trace.alive else -2
    if hasattr(t, "bdim"):
        return f"BatchedTensor(lvl={level}, bdim={t.bdim}, value=\n    {inner}\n)"
    return f"GradTrackingTensor(lvl={level}, value=\n    {inner}\n)"


def _repr(self: Any, *, tensor_contents: Any = None) -> str:
    if self.level:
        return _traced(self)
    if isinstance(self, Parameter):
        return "Parameter containing:\n" + _plain(self)
    return _plain(self)


attach(__repr__=_repr)
