"""Anomaly mode: where a backward error or NaN came from in the forward pass.

While it is on, each node keeps the forward traceback, and the engine runs nodes through `watch`.
Knows nodes and the engine; knows no op.
Source: https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection
"""

from __future__ import annotations

import traceback
import warnings
from typing import Any

import numpy as np

from franken.core.node import Node
from franken.core.state import STATE, set_attribute
from franken.core.tensor import Tensor
from franken.core.where import is_internal


class _Watch:
    """The observer in `STATE.anomaly`: called with each new node, asked to run each old one."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def __call__(self, node: Any) -> None:
        frames = [f for f in traceback.extract_stack() if not is_internal(f.filename)]
        node.__dict__["traceback"] = "".join(traceback.format_list(frames))

    def watch(self, r: Any, node: Any, g: Any) -> Any:
        """Run a node; on an error or NaN, tell where it was recorded."""
        from franken.engine import passes

        try:
            grads = passes.apply_vjp(r, node, g) if isinstance(node, Node) else node.apply_vjp(r, g)
        except RuntimeError:
            _tell(node)
            raise
        if self.check_nan:
            for i, x in enumerate(grads):
                if x is not None and _has_nan(x):
                    _tell(node)
                    raise RuntimeError(
                        f"Function '{node.name()}' returned nan values in its {i}th output."
                    )
        return grads


def _has_nan(x: Tensor) -> bool:
    while x.level:
        x = x._a
    if x.device.type != "cpu":
        return bool(x.isnan().any())
    return bool(np.isnan(x._a.astype(np.float32) if x._a.dtype.kind == "V" else x._a).any())


def _tell(node: Any) -> None:
    trace = node.__dict__.get("traceback")
    if trace is None:
        warnings.warn(
            f"Error detected in {node.name()}. No forward pass information available. Enable "
            "detect anomaly during forward pass for more information.",
            stacklevel=5,
        )
        return
    warnings.warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the "
        f"error:\n{trace}",
        stacklevel=5,
    )


class set_detect_anomaly:
    """Turn anomaly mode on or off at once; as a context manager, restore it at the end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = set_attribute("anomaly", _Watch(check_nan) if mode else None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        set_attribute("anomaly", self.before)


class detect_anomaly:
    """Within the block, find the forward op of a failing or NaN-making backward.

    Args:
        check_nan: raise when a backward gives NaN.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.before = set_attribute("anomaly", _Watch(self.check_nan))

    def __exit__(self, *exc: object) -> None:
        set_attribute("anomaly", self.before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return STATE.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode would refuse NaN."""
    return STATE.anomaly is None or bool(STATE.anomaly.check_nan)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly mode on or off."""
    set_attribute("anomaly", _Watch(check_nan) if mode else None)
