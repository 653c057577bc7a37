"""torch.types: names for annotations."""

from __future__ import annotations

import builtins
import os
from typing import IO, Any, TypeAlias, Union

from franken.core.device import device as _device
from franken.core.dtypes import dtype as _dtype
from franken.core.geometry.size import Size as Size
from franken.core.tensor import Tensor as Tensor
from franken.ops.sampling.generator import Generator as Generator
from franken.ops.surface.storage import UntypedStorage as Storage

__all__ = ["Device", "FileLike", "Number", "Storage"]
_int, _float, _bool = builtins.int, builtins.float, builtins.bool
_complex, _size = builtins.complex, Union[Size, list[int], tuple[int, ...]]  # noqa: UP007
Number: TypeAlias = int | float | bool
_Number = (int, float, bool)
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = Union[str, os.PathLike[str], IO[bytes]]  # noqa: UP007
_TensorOrTensors: TypeAlias = Tensor | tuple[Tensor, ...]
_TensorOrTensorsOrGradEdge = Any
_dispatchkey: TypeAlias = str
_symint = IntLikeType = int
FloatLikeType, BoolLikeType = float, bool
py_sym_types: tuple[type, ...] = ()
_qscheme = _dtype
