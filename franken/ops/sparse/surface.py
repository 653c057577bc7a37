"""What a sparse tensor answers and refuses as a Tensor: memory, printing, copies, kinds."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from franken.backends.numpy.layouts import coo
from franken.backends.numpy.layouts.coo import Coo
from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.geometry import layout as layouts
from franken.core.layouts.tensor import SparseTensor, made, refuse
from franken.core.tensor import Tensor, wrap
from franken.ops.sparse.moves import refuse_memory
from franken.ops.surface.repr import _history, _sizes, _with_suffixes


def _refuse_pointer(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")


def _refuse_storage(self: Any) -> NoReturn:
    kind = "Sparse" if isinstance(self._a, Coo) else "SparseCsr"
    raise NotImplementedError(f"Cannot access storage of {kind}TensorImpl")


def _numpy(self: Any, *, force: bool = False) -> NoReturn:
    raise TypeError(
        f"can't convert {_kind(self)} layout tensor to numpy. Use Tensor.to_dense() first."
    )


def _kind(t: Any) -> str:
    from franken.ops.sparse.convert import named

    return named(t.layout)


def _item(self: Any) -> Any:
    if self._a.size != 1:
        raise RuntimeError(f"a Tensor with {self._a.size} elements cannot be converted to Scalar")
    return self.to_dense().item()


def _stride(self: Any, dim: int | None = None) -> Any:
    refuse_memory(self._a, "strides")
    zeros = (0,) * self.ndim
    return zeros if dim is None else zeros[dim]


def _contiguous(self: Any, memory_format: Any = None) -> NoReturn:
    refuse_memory(self._a, "is_contiguous")
    raise RuntimeError("unsupported memory format option Contiguous")


def _is_contiguous(self: Any, memory_format: Any = None) -> bool:
    refuse_memory(self._a, "is_contiguous")
    return False


def _nbytes(self: Any) -> int:
    if not isinstance(self._a, Coo):
        return int(self._a.size * self._a.itemsize)
    raise RuntimeError(
        "nbytes is not defined for sparse tensors.  If you want the size of the constituent "
        "tensors, add the nbytes of the indices and values.  If you want the size of the  "
        "equivalent dense tensor, multiply numel() by element_size()"
    )


def _type(self: Any, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    if dtype is not None:
        return self.to(dtype)
    if not isinstance(self._a, Coo):
        raise RuntimeError("Unimplemented backend SparseCsrCPU")
    return f"torch.sparse.{self.dtype.scalar_name}Tensor"


def _zero_(self: Any) -> Any:
    inplace.check(self, "zero_")
    a = self._a
    cleared = (
        coo.empty(a.shape, a.sparse_dim, a.dtype) if isinstance(a, Coo) else (a.emptied(a.dtype))
    )
    return inplace.commit(self, made(cleared, self.device))


def _copy_(self: Any, other: Any, non_blocking: bool = False) -> Any:
    if not isinstance(other, SparseTensor):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {other.type()}"
        )
    inplace.check(self, "copy_")
    return inplace.commit(self, other.to(self.dtype).clone())


def _bool(self: Any) -> bool:
    if self._a.size != 1:
        raise RuntimeError(
            "Boolean value of Tensor with more than one value is ambiguous"
            if self._a.size
            else "Boolean value of Tensor with no values is ambiguous"
        )
    return bool(self.to_dense())


def _getitem(self: Any, index: Any) -> Any:
    items = index if isinstance(index, tuple) else (index,)
    out, dim = self, 0
    for item in items:
        if isinstance(item, bool) or not isinstance(item, (int, np.integer, Tensor)):
            if item is Ellipsis or (isinstance(item, slice) and item == slice(None)):
                dim += out.ndim - (len(items) - 1 - items.index(item)) if item is Ellipsis else 1
                continue
            refuse("as_strided", (self,))
        if isinstance(item, Tensor):
            if item.ndim:
                refuse("index.Tensor", (self,))
            item = item.item()
        out = out.select(dim, int(item))
    return out


def _made_like(
    self: Any, name: str, shape: Any, value: Any, dtype: Any, requires_grad: bool
) -> Any:
    """Nothing stored, in the sizes of this tensor or others: the only number is zero."""
    if value:
        refuse("fill_.Scalar", (self,))
    a, kind = self._a, (self.dtype if dtype is None else dtype).np
    if isinstance(a, Coo):
        sparse_dim = a.sparse_dim if shape is None else len(shape)
        t = made(coo.empty(a.shape if shape is None else tuple(shape), sparse_dim, kind))
    elif shape is None:
        t = made(a.emptied(kind))
    else:
        refuse(name, (self,))
    return t.requires_grad_() if requires_grad else t


def _view(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    refuse("view", (self,))


def _resize_(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    refuse("resize_", (self,))


def _iter(self: Any) -> Any:
    return iter([self.select(0, i) for i in range(len(self))])


def _repr(self: Any, *, tensor_contents: Any = None) -> str:
    prefix, indent = "tensor(", 7
    a = self._a
    parts = [*((name, wrap(part)) for name, part in a.places()), ("values", wrap(a.values))]
    shown = []
    for name, part in parts:
        words = f"{name}=tensor("
        shown.append(words + _contents(part, indent + len(words)) + ")")
    text = prefix + (",\n" + " " * indent).join(shown)
    suffixes = [f"size={_sizes(self)}", f"nnz={a.nnz}"]
    default = self.dtype in (dt.get_default_dtype(), dt.shown_complex(), dt.int64, dt.bool)
    if not default:
        suffixes.append(f"dtype={self.dtype}")
    suffixes.append(f"layout={self.layout}")
    shown_as = "Parameter containing:\n" if self.__dict__.get("_is_param") else ""
    return shown_as + _with_suffixes(text, suffixes + _history(self), indent, isinstance(a, Coo))


def _contents(part: Tensor, indent: int) -> str:
    from franken.ops.surface.read import host_array
    from franken.ops.surface.repr import _body

    if not part._a.size:
        return f"[], size={_sizes(part)}"
    return _body(host_array(part), indent)


for _name, _member in {
    "made_like": _made_like, "view": _view, "resize_": _resize_, "numpy": _numpy, "item": _item,
    "stride": _stride, "contiguous": _contiguous, "is_contiguous": _is_contiguous,
    "tolist": _refuse_pointer, "data_ptr": _refuse_pointer, "storage": _refuse_storage,
    "untyped_storage": _refuse_storage, "_typed_storage": _refuse_storage,
    "storage_offset": _refuse_storage, "type": _type, "nbytes": property(_nbytes),
    "zero_": _zero_, "copy_": _copy_, "__bool__": _bool, "__getitem__": _getitem,
    "__iter__": _iter, "__repr__": _repr, "__array__": _numpy,
    "is_sparse": property(lambda self: self.layout is layouts.sparse_coo),
    "is_sparse_csr": property(lambda self: self.layout is layouts.sparse_csr),
}.items():  # fmt: skip
    setattr(SparseTensor, _name, _member)
