"""Operators between tensors and NumPy's scalars and arrays, both ways round, as in torch."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import franken

BINARY = {
    name: getattr(operator, name)
    for name in (
        "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor",
        "lshift", "rshift", "eq", "ne", "lt", "le", "gt", "ge",
    )
}  # fmt: skip
AUGMENTED = {
    name: getattr(operator, "i" + name.rstrip("_"))
    for name in (
        "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "lshift",
        "rshift",
    )
}  # fmt: skip
SCALARS = [np.float64, np.float32, np.float16, np.int64, np.int32, np.int8, np.uint8, np.uint64,
           np.bool_, np.longdouble]  # fmt: skip
OTHERS: dict[str, Any] = {
    **{f"{kind.__name__} scalar": lambda m, kind=kind: kind(2) for kind in SCALARS},
    **{f"{kind.__name__} 0-d": lambda m, kind=kind: np.array(2, kind) for kind in SCALARS},
    **{f"{kind.__name__} array": lambda m, kind=kind: np.array([1, 2, 3], kind)
       for kind in SCALARS},
    "complex array": lambda m: np.array([1, 2, 3], np.complex64),
    "two dimensions": lambda m: np.arange(1.0, 10).reshape(3, 3),
    "other shape": lambda m: np.arange(1.0, 3),
    "objects": lambda m: np.array([1, 2, 3], object),
    "text array": lambda m: np.array(["a", "b", "c"]),
    "numpy text": lambda m: np.str_("a"),
    "numpy date": lambda m: np.datetime64(3, "s"),
    "None": lambda m: None,
    "text": lambda m: "a",
    "bytes": lambda m: b"a",
    "list": lambda m: [1, 2, 3],
    "tuple": lambda m: (1, 2, 3),
    "dictionary": lambda m: {},
    "int": lambda m: 3,
    "bool": lambda m: True,
    "0-d tensor": lambda m: m.tensor(2),
    "0-d double": lambda m: m.tensor(2.0, dtype=m.float64),
    "integers": lambda m: m.tensor([1, 2, 3], dtype=m.int32),
}  # fmt: skip
TENSORS: dict[str, Any] = {
    "float32": lambda m: m.tensor([1.0, 2.0, 3.0]),
    "float64": lambda m: m.tensor([1.0, 2.0, 3.0], dtype=m.float64),
    "bfloat16": lambda m: m.tensor([1.0, 2.0, 3.0], dtype=m.bfloat16),
    "int64": lambda m: m.tensor([1, 2, 3]),
    "uint8": lambda m: m.tensor([1, 2, 3], dtype=m.uint8),
    "bool": lambda m: m.tensor([True, False, True]),
    "0-d": lambda m: m.tensor(2.0),
    "recorded": lambda m: m.tensor([1.0, 2.0, 3.0], requires_grad=True) * 1,
}


def described(m: Any, program: Any) -> Any:
    """What a program gives: kind, dtype, shape and values; or the type of its error."""
    try:
        out = program()
    except (TypeError, ValueError, RuntimeError, OverflowError, NotImplementedError) as error:
        words = str(error) if type(error) is not TypeError else ""
        return type(error).__name__, words.split()[:4]
    if isinstance(out, m.Tensor):
        values = np.asarray(out.detach().tolist(), complex)
        return "tensor", str(out.dtype), tuple(out.shape), out.requires_grad, values.round(4)
    return type(out).__name__, str(out)


def agree(program: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want, got = (described(m, lambda m=m: program(m)) for m in (torch, franken))
    assert want[:-1] == got[:-1]
    np.testing.assert_array_equal(want[-1], got[-1])


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("tensor", TENSORS)
def test_operators(tensor: str, other: str) -> None:
    make, operand = TENSORS[tensor], OTHERS[other]
    for name, f in BINARY.items():
        for program in (lambda m, f=f: f(make(m), operand(m)),
                        lambda m, f=f: f(operand(m), make(m))):  # fmt: skip
            try:
                agree(program)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("tensor", ["float32", "float64", "bfloat16", "0-d", "recorded"])
def test_augmented_operators(tensor: str, other: str) -> None:
    def program(m: Any, f: Any) -> Any:
        x = TENSORS[tensor](m)
        return f(x, OTHERS[other](m))

    for name, f in AUGMENTED.items():
        try:
            agree(lambda m, f=f: program(m, f))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


# torch's __array_wrap__ is of an old form, which NumPy says each time
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_array_as_right_operand_gives_a_new_tensor() -> None:
    for m in (torch, franken):
        x = first = m.tensor([1.0, 2.0])
        x += np.array([1.0, 1.0])
        assert x is not first and x.tolist() == [2.0, 3.0] and x.dtype is m.float64
        assert first.tolist() == [1.0, 2.0]


def test_comparison_with_an_array_is_elementwise() -> None:
    for m in (torch, franken):
        x = m.tensor([1, 2, 3])
        for found in (x == np.array([1, 0, 3]), np.array([1, 0, 3]) == x):
            assert found.dtype is m.bool and found.tolist() == [True, False, True]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_functions_of_numpy_give_tensors() -> None:
    for m in (torch, franken):
        x = m.tensor([1.0, 4.0])
        assert np.sqrt(x).tolist() == [1.0, 2.0] and isinstance(np.sqrt(x), m.Tensor)
        assert np.greater(x, 2).dtype is m.uint8
        with pytest.raises(TypeError, match="can't convert np.ndarray of type"):
            np.add(x, np.array([1, 2], object))
