"""Digest of a tensor's value: dtype, shape and elements in C order.

Knows arrays; the form is that of `serialization.digest`, spelled out here because the transforms
stand below it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """Hexadecimal SHA-256 of a plain tensor or array.

    >>> digest(np.zeros(2)) == digest(np.zeros((1, 2)))
    False
    """
    a = value if isinstance(value, np.ndarray) else _host(value)
    hasher = hashlib.sha256(f"{a.dtype.name}{list(a.shape)};".encode())
    hasher.update(np.ascontiguousarray(a).tobytes())
    return hasher.hexdigest()


def _host(t: Any) -> Any:
    if t.level:
        raise TypeError("a tensor inside a transform has no digest")
    return t._a if t.device.type == "cpu" else t.detach().to("cpu")._a
