"""The seam between core and backends: what core needs of them, handed in by the op declarations.

Core imports no backend; `ops/declare.py`, which knows both, fills these in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# kernel_for(prim, device): the kernel of a primitive on a device that is not the CPU, or None.
kernel_for: Callable[[Any, Any], Any]
# current_cuda_index(): the index meant by "cuda" without a number.
current_cuda_index: Callable[[], int]
# elementwise(kernel, *arrays, out): a large elementwise kernel, split over threads.
elementwise: Callable[..., Any]
