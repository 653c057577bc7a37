"""Numbers as torch's argument parser reads them: which objects are some, and of which kind.

Knows Python's and NumPy's scalars. Must not know arrays or Tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# NumPy's text, dates, records and objects are scalars to it, and no numbers.
NUMBERS = (bool, int, float, complex, np.integer, np.inexact, np.bool_)


def unboxed(value: Any) -> Any:
    """A number as the Python number that stands for it, anything else as it is.

    >>> unboxed(np.float64(0.5)), unboxed("x"), type(unboxed(np.int64(3)))
    (0.5, 'x', <class 'int'>)
    """
    number = python_number(value)
    return value if number is None else number


def python_number(value: Any) -> Any:
    """The Python number that stands for a number; None for what is none.

    np.float64 and np.complex128 are a float and a complex to Python. Of NumPy's other scalars the
    integers count as ints and all else, bools included, as floats: a complex64 loses its imaginary
    part, with NumPy's warning.

    >>> python_number(np.int8(3)), python_number(np.bool_(True)), python_number(np.float32(0.5))
    (3, 1.0, 0.5)
    """
    kind = type(value)
    if kind is float or kind is int or kind is bool or kind is complex:
        return value
    if not isinstance(value, NUMBERS):
        return None
    if isinstance(value, (int, np.integer)):
        return int(value)
    return complex(value) if isinstance(value, complex) else float(value)
