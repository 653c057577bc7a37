"""torch.__config__: what this build consists of."""

from __future__ import annotations

import importlib
import platform

import numpy as np

from franken.backends.numpy import parallel


def show() -> str:
    """What computes, a line each."""
    version = importlib.import_module("franken.version")
    return (
        f"franken {version.__version__} built with:\n"
        f"  - Python {platform.python_version()}\n"
        f"  - NumPy {np.__version__}\n"
        f"  - CUDA {version.cuda or 'not available'}\n"
    )


def parallel_info() -> str:
    """How many threads kernels use."""
    return f"franken:\n\tget_num_threads() : {parallel.get_num_threads()}\n"


def _cxx_flags() -> str:
    """Nothing: no compiler built this."""
    return ""
