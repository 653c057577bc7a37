"""torch.utils.dlpack: tensors to and from other libraries without a copy.

Source: https://dmlc.github.io/dlpack/latest/python_spec.html
"""

from __future__ import annotations

import enum
from typing import Any

import franken

from_dlpack = franken.from_dlpack
# The standard's numbers of kinds of device, as `Tensor.__dlpack_device__` gives them first.
DLDeviceType = enum.IntEnum("DLDeviceType", {
    "kDLCPU": 1, "kDLCUDA": 2, "kDLCUDAHost": 3, "kDLOpenCL": 4, "kDLVulkan": 7, "kDLMetal": 8,
    "kDLVPI": 9, "kDLROCM": 10, "kDLROCMHost": 11, "kDLExtDev": 12, "kDLCUDAManaged": 13,
    "kDLOneAPI": 14, "kDLWebGPU": 15, "kDLHexagon": 16, "kDLMAIA": 17,
})  # fmt: skip


def to_dlpack(tensor: franken.Tensor) -> Any:
    """Return a DLPack capsule over the tensor's memory, which may be read once.

    >>> franken.utils.dlpack.from_dlpack(franken.ones(2)).tolist()
    [1.0, 1.0]
    """
    return tensor.detach().__dlpack__()


__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
