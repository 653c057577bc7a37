"""`p.grad.provenance`: which ops, on which lines, made a gradient.

Built from the nodes that the engine ran (kept on the gradient as a skeleton without data). Every
contribution names op, source line, device, the kernel that computes its rule, and what flowed into
it, down to the loss. Nothing in it depends on addresses, so two runs give the same text.
Knows nodes; knows no op.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from franken.core.tensor import Tensor
from franken.core.where import describe, line
from franken.engine.skeleton import Skeleton, skeletons

# An indented tree of the whole history would double at every reuse of a value.
TREE_LIMIT = 200


@functools.cache
def kernel_id(fn: Any, device: str) -> dict[str, str]:
    """Backend, symbol, hash of the source (or library version) of a kernel.

    >>> kernel_id(np.add, "cpu")["symbol"]
    'numpy.add'
    """
    inner = fn
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    code = getattr(inner, "__code__", None)
    module = getattr(inner, "__module__", None) or "numpy"
    name = getattr(inner, "__qualname__", None) or getattr(inner, "__name__", repr(type(inner)))
    backend = "numpy" if device == "cpu" else "cupy"
    digest = "builtin" if code is None else _code_digest(code)
    inside = [c.cell_contents for c in getattr(inner, "__closure__", None) or ()]
    parts = [kernel_id(c, device) for c in inside if callable(c) and c is not fn]
    if parts:  # a wrapper is known by what it wraps
        texts = [digest, *(f"{p['symbol']} {p['source_sha256']}" for p in parts)]
        digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return {
        "backend": backend,
        "symbol": f"{module}.{name}",
        "source_sha256": digest,
        "library": f"{backend} {np.__version__ if backend == 'numpy' else _cupy_version()}",
    }


def _code_digest(code: Any) -> str:
    """SHA-256 of a function's instructions, names and constants (also without its source file)."""
    hasher = hashlib.sha256(code.co_code)
    hasher.update(repr((code.co_names, code.co_varnames, code.co_argcount)).encode())
    for constant in code.co_consts:
        nested = hasattr(constant, "co_code")
        hasher.update((_code_digest(constant) if nested else _text(constant)).encode())
    return hasher.hexdigest()


def _text(constant: Any) -> str:
    """A constant's text; sets, whose order changes from run to run, are sorted."""
    if isinstance(constant, frozenset):
        return f"frozenset({sorted(map(repr, constant))})"
    return repr(constant)


def _cupy_version() -> str:
    """CuPy's version; its distribution has another name for each CUDA version."""
    module = sys.modules.get("cupy")
    return "replaced" if module is None else str(module.__version__)


class Contribution:
    """One executed node of a backward pass, and those whose cotangents it received."""

    __slots__ = ("node", "order", "sources")

    def __init__(self, node: Skeleton, order: int) -> None:
        self.node, self.order = node, order
        self.sources: list[Contribution] = []

    @property
    def op(self) -> str:
        """The primitive's name (or the custom function's)."""
        return self.node.op

    @property
    def position(self) -> str:
        """`file.py:12 in function` of the forward call."""
        return describe(self.node.pos)

    @property
    def source_line(self) -> int:
        """Line number of the forward call."""
        return line(self.node.pos)

    @property
    def device(self) -> str:
        """The device it ran on."""
        return str(self.node.device)

    @property
    def kernel(self) -> dict[str, str]:
        """The kernel of the forward op (backward rules run through other ops' kernels)."""
        return dict(kernel_id(self.node.kernel, self.node.device.type))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: its own facts, and the places of its sources in the order."""
        return {
            "order": self.order, "op": self.op, "backward": self.node.title,
            "position": self.position, "device": self.device, "kernel": self.kernel,
            "sources": [c.order for c in self.sources],
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"{self.op} at {self.position} on {self.device}"


class Provenance:
    """The history of one gradient: one pass for each backward that was accumulated into it.

    `contributions` are the nodes whose cotangents were added into the gradient, in the order of
    addition; each leads by `sources` up to the loss.
    """

    def __init__(self, passes: list[list[Contribution]], direct: list[Contribution]) -> None:
        self.passes, self.contributions = passes, direct

    def __iter__(self) -> Iterator[Contribution]:
        return iter(self.contributions)

    def __len__(self) -> int:
        return len(self.contributions)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the same in every run of the same program."""
        return {
            "schema": "franken.provenance/1",
            "passes": [[c.to_dict() for c in nodes] for nodes in self.passes],
            "contributions": [
                {"pass": k, "order": c.order}
                for k, nodes in enumerate(self.passes)
                for c in self.contributions if c in nodes
            ],
        }  # fmt: skip

    def to_json(self, indent: int | None = None) -> str:
        """The plain data as JSON with sorted keys."""
        return json.dumps(self.to_dict(), sort_keys=True, indent=indent)

    def __str__(self) -> str:
        """A tree from the gradient up to the loss; what was shown already is only named."""
        lines: list[str] = []
        for k, nodes in enumerate(self.passes):
            heads = [c for c in self.contributions if c in nodes]
            lines.append(f"backward pass {k}: {len(heads)} contribution(s)")
            _draw(heads, lines)
        return "\n".join(lines)

    __repr__ = __str__


def _draw(heads: list[Contribution], lines: list[str]) -> None:
    shown: set[int] = set()
    stack = [(c, 1) for c in reversed(heads)]
    while stack:
        c, depth = stack.pop()
        text = f"{'  ' * min(depth, 20)}#{c.order} {c!r}"
        if len(lines) >= TREE_LIMIT:
            lines.append("  ...")
            return
        if c.order in shown:
            lines.append(text + " (see above)")
            continue
        shown.add(c.order)
        lines.append(text)
        stack += [(source, depth + 1) for source in reversed(c.sources)]


def _pass_of(order: list[Skeleton], leaf: int) -> tuple[list[Contribution], list[Contribution]]:
    """(nodes that lead to the leaf, in execution order; those that feed it directly)."""
    wanted: set[Any] = {leaf}
    for node in reversed(order):  # from the leaves' side up to the loss
        if any(p in wanted for p in node.parents):
            wanted.add(node)
    ran = [node for node in order if node in wanted]
    made = {node: Contribution(node, i) for i, node in enumerate(ran)}
    direct = [c for node, c in made.items() for p in node.parents if p == leaf]
    for node, c in made.items():
        for p in node.parents:
            if p in made:
                made[p].sources.append(c)
    return list(made.values()), direct


def provenance(grad: Tensor) -> Provenance | None:
    """The provenance of a gradient, or None if the tensor is no accumulated gradient.

    >>> import franken as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> (x * x).sum().backward()
    >>> [c.op for c in x.grad.provenance]
    ['mul', 'mul']
    """
    runs = grad.__dict__.get("_runs")
    if not runs:
        return None
    passes, direct = [], []
    for order, leaf in runs:
        nodes, heads = _pass_of(skeletons(order), leaf)
        passes.append(nodes)
        direct += heads
    return Provenance(passes, direct)
