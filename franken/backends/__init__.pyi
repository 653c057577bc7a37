"""Backends: arrays in, arrays out; they know no Tensor. Also torch.backends' flag modules.

Written by `python -m conformance stubs`: do not edit."""

from franken.backends import cuda as cuda
from franken.backends import cudnn as cudnn
from franken.backends import mkl as mkl
from franken.backends import mkldnn as mkldnn
from franken.backends import mps as mps
from franken.backends import openmp as openmp
