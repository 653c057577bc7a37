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


NUMBERS = [-1, -255, -256, 255, 256, 300, -128, -129, 2**31, 2**63, 2**64, -(2**63) - 1, 2.7, -2.7,
           -0.5, 127.9, 255.5, 1e10, float("inf"), float("nan"), 70000.0, 3.5e38, 1e39, True, 2j,
           2 + 0j, 1e39j]  # fmt: skip
WRITERS: dict[str, Any] = {
    "item": lambda m, x, v: x.__setitem__(0, v),
    "slice": lambda m, x, v: x.__setitem__(slice(None), v),
    "list": lambda m, x, v: x.__setitem__([0], v),
    "mask": lambda m, x, v: x.__setitem__(m.tensor([True]), v),
    "fill_": lambda m, x, v: x.fill_(v),
    "full": lambda m, x, v: m.full((1,), v, dtype=x.dtype),
    "new_full": lambda m, x, v: x.new_full((1,), v),
    "masked_fill_": lambda m, x, v: x.masked_fill_(m.tensor([True]), v),
    "index_fill_": lambda m, x, v: x.index_fill_(0, m.tensor([0]), v),
    "scatter_": lambda m, x, v: x.scatter_(0, m.tensor([0]), v),
    "tensor": lambda m, x, v: m.tensor([v], dtype=x.dtype),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int32", "int64", "bool", "float16", "bfloat16", "float32",
              "complex64"]
)  # fmt: skip
def test_numbers_that_may_not_fit(dtype: str, writer: str) -> None:
    for value in NUMBERS:

        def program(m: Any, value: Any = value) -> Any:
            x = m.ones(1, dtype=getattr(m, dtype))
            made = WRITERS[writer](m, x, value)
            return x if made is None else made

        try:
            agree(program)
        except AssertionError as error:
            raise AssertionError(f"{value!r}: {error}") from None


@pytest.mark.parametrize("kind", [*SCALARS, np.complex64, np.complex128, np.str_])
def test_assignment_takes_numbers_of_python_and_integers_of_numpy(kind: Any) -> None:
    def program(m: Any) -> Any:
        x = m.zeros(2, 2)
        x[0] = kind(1)
        x[:, 1] = kind(1)
        x[[1]] = kind(0)
        return x

    agree(program)
    agree(lambda m: m.full((2,), kind(1)))
    if kind not in (np.uint64, np.longdouble, np.str_):
        agree(lambda m: m.tensor([kind(1), kind(0)]))


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, "tensor"])
def test_integers_of_numpy_as_sizes_dimensions_and_indices(kind: Any) -> None:
    def program(m: Any) -> Any:
        n = m.tensor if kind == "tensor" else kind
        x = m.arange(24).reshape(n(2), n(3), n(4))
        parts = [
            x[n(1)], x[:, n(0)], x[:, n(1) :], x[:, : n(2), :: n(2)], x[..., n(3)], x.sum(n(1)),
            x.transpose(n(0), n(2)), x.permute(n(2), n(0), n(1)), x.flip(n(0)), x.roll(n(1), n(0)),
            x.unsqueeze(n(0)), x[:1].squeeze(n(0)), x.select(n(1), n(2)), x.cumsum(n(1)),
            x.narrow(n(1), n(0), n(2)), x.repeat(n(1), n(2), n(1)), x[:1].expand(n(2), n(3), n(4)),
            x.movedim(n(0), n(1)), x.tensor_split(n(2))[0], x.chunk(n(2))[1],
            x.topk(n(2)).values, x.argmax(n(1)), x.sort(n(1)).values,
            x.diagonal(n(1)), x.tril(n(1)),
            x.unfold(n(2), n(2), n(1)), x.flatten(n(0), n(1)), m.stack([x, x], n(1)),
            m.cat([x, x], n(1)), m.zeros(n(2), n(3)), m.eye(n(2)), m.arange(n(3)),
            x.repeat_interleave(n(2)), x.view(n(4), -1), x.prod(n(1)),
        ]  # fmt: skip
        return m.cat([p.reshape(-1).to(m.float64) for p in parts])

    agree(program)


SIZES: dict[str, Any] = {
    "array": lambda: np.array(3),
    "small array": lambda: np.array(3, np.uint8),
    "one in a list": lambda: np.array([3]),
    "two": lambda: np.array([3, 2]),
    "float": lambda: np.array(3.0),
    "bool": lambda: np.array(True),
    "scalar": lambda: np.int32(3),
    "float scalar": lambda: np.float32(3),
}


@pytest.mark.parametrize("kind", SIZES)
def test_what_stands_for_an_integer_in_a_list(kind: str) -> None:
    for program in (
        lambda m: m.arange(6).reshape([SIZES[kind](), -1]),
        lambda m: m.arange(6).reshape((-1, SIZES[kind]())),
        lambda m: m.arange(24).reshape(1, 2, 3, 4).sum([SIZES[kind](), 0]),
        lambda m: m.ones([SIZES[kind](), 2]),
    ):
        agree(program)
