"""`torch.sparse_coo_tensor`, and the switch that has what it is given checked."""

from __future__ import annotations

from typing import Any

from franken.backends.numpy.layouts import coo
from franken.core import dtypes as dt
from franken.core.convert import cast
from franken.core.device import resolve
from franken.core.layouts.between import coo_of
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.sparse.convert import SPARSE
from franken.ops.surface.args import as_dtype
from franken.ops.surface.creation import nothing_stored
from franken.ops.surface.data import tensor


class Invariants:
    """Whether constructors check what they are given."""

    __slots__ = ("checked",)

    def __init__(self) -> None:
        self.checked = False


INVARIANTS = Invariants()


class check_sparse_tensor_invariants:
    """Have what sparse tensors are made from checked, in a block or until it is disabled.

    >>> import franken as torch
    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     torch.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,))
    Traceback (most recent call last):
    RuntimeError: size is inconsistent with indices: for dim 0, size is 3 but found index 5
    """

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.saved_state: bool | None = None

    @staticmethod
    def is_enabled() -> bool:
        """Whether they are checked now."""
        return INVARIANTS.checked

    @staticmethod
    def enable() -> None:
        """Check from now on."""
        INVARIANTS.checked = True

    @staticmethod
    def disable() -> None:
        """Do not check any more."""
        INVARIANTS.checked = False

    def __enter__(self) -> None:
        if self.saved_state is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context "
                "manager instance for context nesting."
            )
        self.saved_state, INVARIANTS.checked = INVARIANTS.checked, self.state

    def __exit__(self, *exc: object) -> None:
        assert self.saved_state is not None
        INVARIANTS.checked, self.saved_state = self.saved_state, None

    def __call__(self, mth: Any) -> Any:
        """The function, run with this setting."""

        def test_mth(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return mth(*args, **kwargs)

        return test_mth


def checks(asked: Any) -> bool:
    """Whether a constructor is to check, by its argument or by the switch."""
    return INVARIANTS.checked if asked is None else bool(asked)


def part(value: Any, dtype: Any, dev: Any) -> Any:
    """What a constructor is given, as a tensor of a dtype (None: its own) on a device."""
    t: Any = value if isinstance(value, Tensor) else tensor(value)
    t = t if dev is None else t.to(dev)
    return t if dtype is None else cast(t, dtype)


def requiring(t: Any, requires_grad: bool) -> Any:
    """The tensor as a leaf of its own where that is asked for."""
    return t.detach().requires_grad_() if requires_grad else t


def inferred(indices: Any, values: Any) -> tuple[int, ...]:
    """The smallest size that holds the places."""
    dense = tuple(values.shape[1:])
    if not indices.shape[1]:
        return (0,) * indices.shape[0] + dense
    return tuple([int(n) + 1 for n in indices._a.max(axis=1)]) + dense


def check_coo(indices: Any, values: Any, size: Any) -> None:
    """Raise RuntimeError for parts whose shapes do not fit together."""
    if indices.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{indices.shape[1]}, nnz from values: {values.shape[0]}"
        )
    if size is None:
        return
    sparse, dense = indices.shape[0], values.ndim - 1
    if len(size) != sparse + dense:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, "
            f"sparse_dim = {sparse}, dense_dim = {dense}"
        )
    if tuple(size[sparse:]) != tuple(values.shape[1:]):
        raise RuntimeError(
            f"values has incorrect size, expected {[indices.shape[1], *size[sparse:]]}, got "
            f"{list(values.shape)}"
        )


def check_places(indices: Any, size: Any, coalesced: Any) -> None:
    """Raise RuntimeError for places outside of the size, or that are not sorted as is said."""
    a = indices._a
    if not a.size:
        return
    for d, row in enumerate(a):
        if row.min() < 0:
            raise RuntimeError(f"found negative index {row.min()} for dim {d}")
        if row.max() >= size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found "
                f"index {row.max()}"
            )
    keys = coo.Coo(a, a[0], tuple(size)).keys()
    if coalesced and keys.size > 1 and not (keys[1:] > keys[:-1]).all():
        raise RuntimeError(
            "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor"
        )


@op(method=False, samples=SPARSE)
def sparse_coo_tensor(
    indices: Any = None, values: Any = None, size: Any = None, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None, is_coalesced: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor in coordinates: places (sparse_dim, nnz), elements (nnz, *dense sizes), and a size.

    Elements at one place add up. Without a size, the smallest is taken; with a size alone, nothing
    is stored. RuntimeError for parts that do not fit together; for places outside of the size if
    `check_invariants`.

    >>> import franken as torch
    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    tensor(indices=tensor([[0, 1],
                           [2, 0]]),
           values=tensor([3., 4.]),
           size=(2, 3), nnz=2, layout=torch.sparse_coo)
    """
    kind = None if dtype is None else as_dtype("sparse_coo_tensor", dtype)
    if values is None:
        if size is None:
            size, indices = indices, None
        return _empty(tuple(size), kind, device, requires_grad)
    dev = None if device is None else resolve(device)
    v = part(values, kind, dev)
    i = part(indices, dt.int64, v.device)
    v = v if v.ndim else v.reshape(1)
    if size is not None:
        size = tuple(size)
    check_coo(i, v, size)
    found = inferred(i, v) if size is None else size
    if checks(check_invariants):
        check_places(i, found, is_coalesced)
    return requiring(coo_of(i.detach(), v, found, bool(is_coalesced)), requires_grad)  # type: ignore[no-any-return]


def _empty(size: tuple[int, ...], kind: Any, device: Any, requires_grad: bool) -> Any:
    return nothing_stored(size, kind or dt.get_default_dtype(), device, requires_grad)


@op(name="_sparse_coo_tensor_unsafe", method=False, samples=SPARSE)
def _sparse_coo_tensor_unsafe(
    indices: Tensor, values: Tensor, size: Any, *, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None, is_coalesced: bool | None = None,
) -> Tensor:  # fmt: skip
    """As `sparse_coo_tensor` of parts that fit."""
    return sparse_coo_tensor(
        indices, values, size, dtype=dtype, device=device, requires_grad=requires_grad,
        check_invariants=check_invariants, is_coalesced=is_coalesced,
    )  # fmt: skip
