"""Memory that nobody has written: zero here, and marked in deterministic mode as torch marks it."""

from __future__ import annotations

import pytest
import torch

import franken

DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64",
          "complex64", "complex128"]  # fmt: skip
MADE = {
    "empty": lambda t, d, x: t.empty(2, 3, dtype=d),
    "empty_like": lambda t, d, x: t.empty_like(x),
    "empty_strided": lambda t, d, x: t.empty_strided((2, 2), (1, 2), dtype=d),
    "empty_permuted": lambda t, d, x: t.empty_permuted((2, 3), (1, 0), dtype=d),
    "new_empty": lambda t, d, x: x.new_empty(2),
    "new_empty none": lambda t, d, x: x.new_empty((0, 2)),
    "new_empty_strided": lambda t, d, x: x.new_empty_strided((2, 2), (1, 2)),
    "resize_ up": lambda t, d, x: t.zeros(2, dtype=d).resize_(5),
    "resize_ down": lambda t, d, x: t.zeros(2, dtype=d).resize_(1),
    "resize_as_": lambda t, d, x: t.zeros(1, dtype=d).resize_as_(x),
    "Tensor": lambda t, d, x: t.Tensor(2, 3),
}


@pytest.fixture(params=[True, False], ids=["filled", "left"])
def deterministic(request):
    for t in (franken, torch):
        t.use_deterministic_algorithms(True)
        t.utils.deterministic.fill_uninitialized_memory = request.param
    yield request.param
    for t in (franken, torch):
        t.use_deterministic_algorithms(False)
        t.utils.deterministic.fill_uninitialized_memory = True


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MADE)
def test_memory_in_deterministic_mode(name, dtype, deterministic):
    def made(t):
        d = getattr(t, dtype)
        return MADE[name](t, d, t.zeros(2, 2, dtype=d))

    mine = made(franken)
    if deterministic:
        assert str(mine.tolist()) == str(made(torch).tolist())
    else:  # torch shows what was there
        assert not mine.count_nonzero()


def test_the_switch_is_a_boolean():
    with pytest.raises(TypeError, match=r"argument 'mode' \(position 1\) must be bool, not int"):
        franken.utils.deterministic.fill_uninitialized_memory = 1
    assert franken.utils.deterministic.fill_uninitialized_memory is True


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_capsules_are_shared(dtype):
    x = franken.ones(3, dtype=getattr(franken, dtype))
    for read in (franken.from_dlpack, franken.asarray, lambda c: franken.asarray(c, copy=False)):
        y = read(franken.utils.dlpack.to_dlpack(x))
        assert (y.data_ptr(), y.dtype) == (x.data_ptr(), x.dtype)
        y.zero_()
        assert not x.count_nonzero()
    other = franken.asarray(franken.utils.dlpack.to_dlpack(x), copy=True)
    assert other.data_ptr() != x.data_ptr()
    wider = franken.asarray(franken.utils.dlpack.to_dlpack(x), dtype=franken.complex128)
    assert wider.dtype is franken.complex128
