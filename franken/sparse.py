"""torch.sparse: layouts beside the strided one."""

from __future__ import annotations

from franken.faces.spaces import fill
from franken.ops.sparse.construct import check_sparse_tensor_invariants

fill(globals(), "sparse")

__all__ = ["check_sparse_tensor_invariants"]
