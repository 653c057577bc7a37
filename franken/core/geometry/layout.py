"""Storage layouts, memory formats and quantization schemes: torch's named constants.

Knows the names and their identity only; what a memory format means in strides is shapes.py's.
Names: https://docs.pytorch.org/docs/stable/tensor_attributes.html
"""

from __future__ import annotations

from typing import Final, Self


class _Constant:
    """A named, interned value that pickles, copies and prints by its name."""

    __slots__ = ("name",)

    name: str

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    @classmethod
    def _make(cls, name: str) -> Self:
        self = object.__new__(cls)
        self.name = name
        return self

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> str:
        return self.name


class layout(_Constant):
    """How a tensor's elements are laid out in memory.

    >>> strided
    torch.strided
    """

    __slots__ = ()


class memory_format(_Constant):
    """Which order of the axes is densest in memory.

    >>> channels_last
    torch.channels_last
    """

    __slots__ = ()


class qscheme(_Constant):
    """A quantization scheme; here a name only.

    >>> per_tensor_affine
    torch.per_tensor_affine
    """

    __slots__ = ()


strided = layout._make("strided")
sparse_coo = layout._make("sparse_coo")
sparse_csr = layout._make("sparse_csr")
sparse_csc = layout._make("sparse_csc")
sparse_bsr = layout._make("sparse_bsr")
sparse_bsc = layout._make("sparse_bsc")
jagged = layout._make("jagged")
_mkldnn = layout._make("_mkldnn")

contiguous_format = memory_format._make("contiguous_format")
preserve_format = memory_format._make("preserve_format")
channels_last = memory_format._make("channels_last")
channels_last_3d = memory_format._make("channels_last_3d")
legacy_contiguous_format = contiguous_format

per_tensor_affine = qscheme._make("per_tensor_affine")
per_channel_affine = qscheme._make("per_channel_affine")
per_tensor_symmetric = qscheme._make("per_tensor_symmetric")
per_channel_symmetric = qscheme._make("per_channel_symmetric")
per_channel_affine_float_qparams = qscheme._make("per_channel_affine_float_qparams")

ALL: Final[dict[str, layout | memory_format | qscheme]] = {
    each.name: each
    for each in (
        strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, jagged, _mkldnn,
        contiguous_format, preserve_format, channels_last, channels_last_3d,
        per_tensor_affine, per_channel_affine, per_tensor_symmetric, per_channel_symmetric,
        per_channel_affine_float_qparams,
    )
}  # fmt: skip
"""Every constant by its canonical name."""
