"""What an expression prints under torch and here: the comparison of these tests."""

from __future__ import annotations

import warnings

MADE = """
s = t.tensor([[0, 2.0, 0], [3, 0, 4]]).to_sparse()
u = t.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], [1.0, 2.0, 3.0], (2, 3))
h = t.sparse_coo_tensor([[1, 0]], [[1.0, 2.0], [3.0, 4.0]], (3, 2))
d = t.arange(6.0).reshape(2, 3)
b = t.arange(6.0).reshape(3, 2)
v = t.tensor([1.0, 2.0, 3.0])
"""


def said(t, text, prepare=MADE):
    """What an expression prints, or its error: kind and first words."""
    names = {"t": t}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(prepare, names)
        try:
            return repr(eval(text, names))
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            kind = next(
                k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins"
                and k.__name__ == type(error).__name__
            )  # fmt: skip
            return kind, str(error).partition(" This could be")[0].replace("franken", "torch")


def each(table):
    """The expressions of a table."""
    return [e.strip() for line in table.strip().splitlines() for e in line.split(" | ")]
