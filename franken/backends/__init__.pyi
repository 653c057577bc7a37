"""Backends: arrays in, arrays out; they know no Tensor. Also torch.backends' flag modules.

Written by `python -m conformance stubs`: do not edit."""

from builtins import str as _str
from typing import Any

from franken.backends import cpu as cpu
from franken.backends import cuda as cuda
from franken.backends import cudnn as cudnn
from franken.backends import cusparselt as cusparselt
from franken.backends import kleidiai as kleidiai
from franken.backends import mha as mha
from franken.backends import miopen as miopen
from franken.backends import mkl as mkl
from franken.backends import mkldnn as mkldnn
from franken.backends import mps as mps
from franken.backends import nnpack as nnpack
from franken.backends import openmp as openmp
from franken.backends import opt_einsum as opt_einsum
from franken.backends import quantized as quantized
from franken.backends.settings import disable_global_flags as disable_global_flags
from franken.backends.settings import flags_frozen as flags_frozen

def flags(fp32_precision: _str = "none") -> Any:
    """The precision of all backends for a block."""

fp32_precision: _str

def set_flags(_fp32_precision: _str | None = "none") -> tuple[Any, ...]:
    """Set the precision of all backends; the one before, in a tuple."""
