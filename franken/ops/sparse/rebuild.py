"""How a sparse tensor is taken apart and put together again, in torch's form."""

from __future__ import annotations

from typing import Any

from franken.backends.numpy.layouts.coo import Coo
from franken.core.geometry import layout as layouts
from franken.core.layouts.tensor import SparseTensor, made
from franken.core.tensor import Tensor, wrap
from franken.ops.sparse.compressed import COMPRESSED, sparse_compressed_tensor
from franken.ops.sparse.construct import sparse_coo_tensor
from franken.ops.surface.rebuild import _rebuild_from_type_v2, _state_of


def _reduce_sparse(self: Any, protocol: Any) -> Any:
    """(what puts it together, (layout, parts)), as `torch._utils` has it."""
    a = self._a
    places = [wrap(part) for _, part in a.places()]
    parts: Any = (*places, wrap(a.values), self.shape)
    if isinstance(a, Coo):
        parts = (*parts, a.coalesced)
    return _rebuild_sparse_tensor, (self.layout, parts)


def _reduce_ex(self: Any, protocol: Any) -> Any:
    inner = _reduce_sparse(self, protocol)
    state = _state_of(self)
    if not state:
        return inner
    return _rebuild_from_type_v2, (inner[0], Tensor, inner[1], state)


def _rebuild_sparse_tensor(layout: Any, data: Any) -> Tensor:
    """A sparse tensor of its layout and parts; RuntimeError for parts that do not fit together."""
    if layout is layouts.sparse_coo:
        indices, values, size, *coalesced = data
        return sparse_coo_tensor(  # type: ignore[no-any-return]
            indices, values, size, check_invariants=True, is_coalesced=(coalesced or [None])[0]
        )
    if layout in COMPRESSED:
        return sparse_compressed_tensor(*data, layout=layout, check_invariants=True)  # type: ignore[no-any-return]
    raise NotImplementedError(f"rebuilding sparse tensor for layout {layout}")


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    from copy import deepcopy

    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if not isinstance(self._a, Coo):
        raise NotImplementedError("Cannot access storage of SparseCsrTensorImpl")
    copied = memo[id(self)] = made(self._a.copy(), self.device)
    copied.requires_grad_(self.requires_grad)
    if getattr(self, "_grad", None) is not None:
        copied._grad = deepcopy(self._grad, memo)
    copied.__dict__.update(deepcopy(self.__dict__, memo))
    return copied


def _copy(self: Any) -> Any:
    return made(self._a, self.device)


for _name, _member in {
    "__reduce_ex__": _reduce_ex, "_reduce_ex_internal": _reduce_sparse, "__deepcopy__": _deepcopy,
    "__copy__": _copy,
}.items():  # fmt: skip
    setattr(SparseTensor, _name, _member)
