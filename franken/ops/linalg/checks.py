"""Checks and errors that linear-algebra ops share. Knows torch's words; computes nothing."""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.batching import to_front
from franken.core.errors import LinAlgError
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.core.trace import values

HALF = (dt.float16, dt.bfloat16)
_LOW = (*HALF, dt.complex32)


def check_matrix(x: Tensor, name: str, what: str = "A") -> None:
    """Refuse fewer than two dimensions."""
    if x.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {what} must have at least 2 dimensions.")


def check_square(x: Tensor, name: str, what: str = "A") -> None:
    """Refuse anything but a batch of square matrices."""
    check_matrix(x, name, what)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: {what} must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )


def check_float(x: Tensor, name: str, low: bool = False, kernel: str = "") -> None:
    """Refuse integers and, unless `low`, half precision; `kernel` gives the words of a kernel."""
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.scalar_name}"
        )
    if x.dtype in _LOW and not low:
        if kernel:
            not_implemented(x, kernel)
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {x.dtype.scalar_name}")


def check_kernel(x: Tensor, kernel: str) -> None:
    """Refuse everything but float32, float64 and their complex in a kernel's words."""
    if not (x.dtype.is_floating_point or x.dtype.is_complex) or x.dtype in _LOW:
        not_implemented(x, kernel)


def not_implemented(x: Tensor, kernel: str) -> None:
    """Raise what a kernel says about a dtype it does not have."""
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{x.dtype.scalar_name}'")


def check_same(x: Tensor, y: Tensor, name: str, a: str = "A", b: str = "B") -> None:
    """Refuse operands of different dtypes."""
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"{name}: Expected {a} and {b} to have the same dtype, but found {a} of type "
            f"{x.dtype.scalar_name} and {b} of type {y.dtype.scalar_name} instead"
        )


def concrete(x: Any) -> Any:
    """What a check looks at: `values`, in which hidden dimensions are dimensions."""
    return values(x)


def failed(info: Tensor) -> tuple[str, int] | None:
    """Where a batched factorization failed first, "(Batch element k): ", and its info."""
    flat = concrete(info).reshape(-1)
    if not flat.any():
        return None
    k = int(flat.astype(bool).argmax())
    return (f"(Batch element {k}): " if info.ndim else ""), int(flat[k])


def raise_if_singular(info: Tensor, name: str) -> None:
    """Raise LinAlgError for an inverse that does not exist."""
    bad = failed(info)
    if bad:
        raise LinAlgError(
            f"{name}: {bad[0]}The diagonal element {bad[1]} is zero, the inversion could not be "
            "completed because the input matrix is singular."
        )


def raise_if_not_positive(info: Tensor, name: str) -> None:
    """Raise LinAlgError for a Cholesky factor that does not exist."""
    bad = failed(info)
    if bad:
        raise LinAlgError(
            f"{name}: {bad[0]}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {bad[1]} is not positive-definite)."
        )


def leading(ranks: dict[int, int] | None = None) -> Any:
    """Batching rule of ops whose leading axes broadcast: hidden axis in front, ones behind it.

    `ranks` gives the rank of one example for inputs that are not matrices.
    """

    def rule(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        core = [(ranks or {}).get(i, 2) for i in range(len(values))]
        extra = [
            v.ndim - (d is not None) - c if isinstance(v, Tensor) else 0
            for v, d, c in zip(values, dims, core, strict=True)
        ]
        most = max(extra)
        aligned = []
        for v, d, e in zip(values, dims, extra, strict=True):
            if d is not None:
                v = to_front(v, d)
                v = v.reshape(v.shape[0], *(1,) * (most - e), *v.shape[1:])
            aligned.append(v)
        out = prim(*aligned, **params)
        return out, 0

    return rule
