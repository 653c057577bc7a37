"""How fast each large sample runs on a card, against the card's own ceilings and torch's kernels.

Bytes are those of all arguments and results, each counted once (an array written in place is both):
the least that any method moves. Targets stand in `TARGETS`; an op without one is only recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.gpu_card import Card, deep
from conformance.gpu_checks import faults
from franken.triton_kernels.checks.cases import DTYPES, Case, Maker, Op
from franken.triton_kernels.launching import launch as launching

COPIED = 1 << 30  # bytes of the copy that the bandwidth is measured by
LEAST_BYTES = 64 << 20  # below, a memory-bound kernel is not held to the bandwidth
# Families that a card's memory bounds: each element is read and written once, in order.
MEMORY_BOUND = (
    "softmax", "elementwise", "layer_norm", "optimizer", "optimizer_adaptive", "gradient_norm",
    "foreach", "reduce",
)  # fmt: skip
COPY_SHARE, MATMUL_SHARE = 0.85, 0.75
# Least ratio of torch's time to ours; scatter's rival adds in any order, by atomics.
TARGETS = {
    "attention": 0.70, "attention_backward": 0.60, "adam": 1.0, "layer_norm": 1.0,
    "cross_entropy": 1.0, "index_add": 0.5,
}  # fmt: skip


class TiledMaker(Maker):
    """Makes large arrays fast: a million drawn values, repeated."""

    SIZE = 1 << 20

    def _tiled(self, small: Callable[[int], np.ndarray], shape: Any) -> np.ndarray:
        count = int(np.prod(shape))
        if count <= self.SIZE:
            return small(count).reshape(shape)
        return np.resize(small(self.SIZE), shape)

    def normal(self, shape: Any, dtype: str = "f32", scale: float = 1.0) -> np.ndarray:
        """Normal values of the given deviation."""
        return self._tiled(lambda n: Maker.normal(self, (n,), dtype, scale), shape)

    def uniform(
        self, shape: Any, dtype: str = "f32", low: float = 0.0, high: float = 1.0
    ) -> np.ndarray:
        """Uniform values in [low, high)."""
        return self._tiled(lambda n: Maker.uniform(self, (n,), dtype, low, high), shape)

    def integers(self, shape: Any, high: int, dtype: str = "i64", low: int = 0) -> np.ndarray:
        """Integers in [low, high)."""
        return self._tiled(lambda n: Maker.integers(self, (n,), high, dtype, low), shape)

    def bools(self, shape: Any, chance: float = 0.5) -> np.ndarray:
        """True with the given probability."""
        return self._tiled(lambda n: Maker.bools(self, (n,), chance), shape)


def ceilings(card: Card) -> dict[str, float]:
    """GB/s of a copy within the card, and TFLOP/s of the vendor's bf16 product at 8192."""
    bandwidth = 2 * COPIED / card.time(card.copy(COPIED)) / 1e6
    n = 8192
    a = card.upload(TiledMaker(0).normal((n, n), "bf16"))
    rate = 2 * n**3 / card.time(card.matmul(a, a)) / 1e9
    return {"copy_gbps": bandwidth, "matmul_bf16_tflops": rate}


def bench_op(card: Card, entry: Op, tops: dict[str, float], seed: int) -> list[dict[str, Any]]:
    """A row a large sample: time, bandwidth, share of the ceiling, against torch, the verdict."""
    rows = []
    for case in entry.cases():
        if case.big:
            row = {"op": entry.name, "family": entry.family, "case": case.name}
            try:
                row |= _bench_case(card, entry, case, tops, seed)
            except faults() as fault:
                row |= {"error": f"{type(fault).__name__}: {fault}"[:400]}
            rows.append(row)
            card.release()
    return rows


def _bench_case(
    card: Card, entry: Op, case: Case, tops: dict[str, float], seed: int
) -> dict[str, Any]:
    host = case.build(TiledMaker(seed))
    args, keywords = deep((host, case.keywords), card.upload)
    with launching.using(card.runner(bool(case.keywords.get("tf32", False)))):
        out = entry.call(*args, **keywords)
        moved = nbytes(args) + nbytes(keywords) + nbytes(out)
        ms = card.time(lambda: entry.call(*args, **keywords))
    row = {"ms": ms, "bytes": moved, "gbps": moved / ms / 1e6}
    row["copy_share"] = row["gbps"] / tops["copy_gbps"]
    work = FLOPS.get(entry.name)
    if work:
        row["tflops"] = work(args, case.keywords) / ms / 1e9
    if entry.name == "matmul" and args[0].ndim == args[1].ndim == 2:
        row["library_share"] = card.time(card.matmul(args[0], args[1])) / ms
    rival = _rival(card, entry.name, host, case.keywords)
    if rival is not None:
        row["torch_ratio"] = card.time(rival) / ms
    return row | verdict(entry, args, row)


def nbytes(value: Any) -> int:
    """Bytes of all arrays in nested tuples, lists and dicts."""
    if isinstance(value, dict):
        return sum(map(nbytes, value.values()))
    if isinstance(value, tuple | list):
        return sum(map(nbytes, value))
    return int(value.nbytes) if hasattr(value, "nbytes") else 0


def verdict(entry: Op, args: Any, row: dict[str, Any]) -> dict[str, Any]:
    """{target, met} of a measured row; {} where nothing is asked of it, or was not measured."""
    if entry.name == "matmul" and "library_share" in row:
        (m, k), n = args[0].shape, args[1].shape[1]
        if args[0].dtype == DTYPES["bf16"] and min(m, n, k) >= 4096 and max(m, n, k) <= 8192:
            return _judged("of the library's rate", MATMUL_SHARE, row["library_share"])
    if entry.name in TARGETS and "torch_ratio" in row:
        return _judged("of torch's speed", TARGETS[entry.name], row["torch_ratio"])
    if entry.family in MEMORY_BOUND and row["bytes"] >= LEAST_BYTES:
        return _judged("of copy bandwidth", COPY_SHARE, row["copy_share"])
    return {}


def _judged(what: str, least: float, got: float) -> dict[str, Any]:
    return {"target": f"{least:.0%} {what}", "met": bool(got >= least)}


def _product(args: Any, _: Any) -> float:
    a, b = args[:2]
    return 2.0 * np.prod(a.shape) * b.shape[-1]


def _pairs_seen(q: Any, k: Any, keywords: dict[str, Any]) -> float:
    """Pairs of query and key, of all heads; half of them where later keys are hidden."""
    pairs = float(np.prod(q.shape[:-1])) * k.shape[-2]
    return pairs / 2 if keywords.get("causal") else pairs


# Floating-point operations of a call, by op: arguments and keywords -> number.
FLOPS: dict[str, Callable[[Any, dict[str, Any]], float]] = {
    "matmul": _product,
    "matmul_split": _product,
    "attention": lambda a, k: 2 * _pairs_seen(a[0], a[1], k) * (a[0].shape[-1] + a[2].shape[-1]),
    # Five products where the forward has two.
    "attention_backward": lambda a, k: (
        _pairs_seen(a[1], a[2], k) * (6 * a[1].shape[-1] + 4 * a[3].shape[-1])
    ),
}


def _rival(card: Card, op: str, host: Any, keywords: dict[str, Any]) -> Any:
    """torch's own call on the same values, ready to be timed; None where there is none."""
    torch = card.torch()
    make = RIVALS.get(op)
    return None if torch is None or make is None else make(torch, deep(host, on(torch)), keywords)


def on(torch: Any) -> Callable[[np.ndarray], Any]:
    """What makes a torch tensor on the card of a NumPy array."""

    def move(a: np.ndarray) -> Any:
        if a.dtype == DTYPES["bf16"]:
            return torch.from_numpy(a.copy().view(np.uint16)).cuda().view(torch.bfloat16)
        return torch.from_numpy(a.copy()).cuda()

    return move


def _softmax(t: Any, a: Any, k: dict[str, Any]) -> Any:
    fn = t.log_softmax if k.get("log") else t.softmax
    return lambda: fn(a[0], k.get("axis", -1))


def _layer_norm(t: Any, a: Any, k: dict[str, Any]) -> Any:
    x, weight, bias = [*a, None, None][:3]
    shape = x.shape[x.ndim - k.get("axes", 1) :]
    # In x's dtype, as torch wants them.
    weight, bias = (None if w is None else w.to(x.dtype) for w in (weight, bias))
    return lambda: t.nn.functional.layer_norm(x, shape, weight, bias)


def _attention(t: Any, a: Any, k: dict[str, Any]) -> Any:
    if len(a) > 3 and a[3] is not None:
        return None
    settings = {"is_causal": bool(k.get("causal")), "enable_gqa": a[0].shape[1] != a[1].shape[1]}
    return lambda: t.nn.functional.scaled_dot_product_attention(*a[:3], **settings)


def _attention_backward(t: Any, a: Any, k: dict[str, Any]) -> Any:
    g, leaves = a[0], [x.requires_grad_() for x in a[1:4]]
    forward = _attention(t, leaves, k)
    if forward is None or (len(a) > 6 and a[6] is not None):
        return None
    out = forward()
    return lambda: t.autograd.grad(out, leaves, g, retain_graph=True)


def _adam(t: Any, a: Any, k: dict[str, Any]) -> Any:
    params, grads, means, squares, tops, steps, lr = a[:7]
    if params[0].dtype != t.float32:
        return None  # torch's states have the parameters' dtype: fewer bytes, another result
    fused = t._fused_adamw_ if k.get("decoupled") else t._fused_adam_
    beta1, beta2 = k.get("betas", (0.9, 0.999))
    settings = {
        "lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": k.get("weight_decay", 0.0),
        "eps": k.get("eps", 1e-8), "amsgrad": bool(tops), "maximize": k.get("maximize", False),
    }  # fmt: skip
    return lambda: fused(params, grads, means, squares, tops, steps, **settings)


def _cross_entropy(t: Any, a: Any, k: dict[str, Any]) -> Any:
    return lambda: t.nn.functional.cross_entropy(a[0], a[1].long())


def _index_add(t: Any, a: Any, k: dict[str, Any]) -> Any:
    x, axis, index, source = a[:4]
    return lambda: t.index_add(x, axis, index, source)


RIVALS: dict[str, Callable[[Any, Any, dict[str, Any]], Any]] = {
    "softmax": _softmax, "layer_norm": _layer_norm, "attention": _attention,
    "attention_backward": _attention_backward, "adam": _adam, "cross_entropy": _cross_entropy,
    "index_add": _index_add,
}  # fmt: skip
