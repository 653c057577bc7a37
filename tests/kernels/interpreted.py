"""What the interpreter must do, run in a process of its own that has TRITON_INTERPRET=1."""

from __future__ import annotations

from functools import cache

import ml_dtypes
import numpy as np
import probe
import pytest

from franken.backends.numpy.random import philox
from franken.triton_kernels.checks import static
from franken.triton_kernels.checks.interpreter import Interpreter, Lines
from franken.triton_kernels.kernels.places import indexing, indexing_write
from franken.triton_kernels.kernels.pointwise import random
from franken.triton_kernels.launching import launch as launching


@cache
def interpreter():
    """Made on first use: a doctest run imports this file in a process without the variable."""
    return Interpreter()


def launch(kernel, *args, **constants):
    interpreter().run(kernel, (1,), args, constants, 4, 1, {})


def test_kernels_work_in_place_on_numpy_memory():
    x, y = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
    launch(probe.copy_kernel, x, y, 5, EXTRA=0, BLOCK=8)
    assert y.tolist() == x.tolist()


def test_an_access_past_an_array_is_refused():
    x, y = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
    with pytest.raises(Exception, match=r"load of 4 bytes .* 1 of 6 lanes are outside"):
        launch(probe.copy_kernel, x, y, 5, EXTRA=1, BLOCK=8)


def test_an_input_is_not_a_place_to_store():
    x, y = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
    y.flags.writeable = False
    with pytest.raises(Exception, match="store of 4 bytes"):
        launch(probe.copy_kernel, x, y, 5, EXTRA=0, BLOCK=8)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_half_types_compute_and_round_to_nearest_even(dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(64).astype(dtype) for _ in range(2))
    out = np.zeros(64, dtype)
    launch(probe.half_kernel, x, y, out, 64, BLOCK=64)
    assert (out == (x * y + dtype(1))).all()


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float32])
def test_products_accumulate_in_float32(dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((16, 16)).astype(dtype) for _ in range(2))
    out = np.zeros((16, 16), np.float32)
    launch(probe.dot_kernel, x, y, out, PRECISION="ieee", BLOCK=16)
    np.testing.assert_allclose(
        out, x.astype(np.float64) @ y.astype(np.float64), rtol=1e-4, atol=1e-5
    )


def test_tf32_rounds_its_inputs():
    x = np.full((16, 16), 1 + 2.0**-13, np.float32)
    out = np.zeros((16, 16), np.float32)
    launch(probe.dot_kernel, x, np.eye(16, dtype=np.float32), out, PRECISION="tf32", BLOCK=16)
    assert (out == 1).all()
    launch(probe.dot_kernel, x, np.eye(16, dtype=np.float32), out, PRECISION="ieee", BLOCK=16)
    assert (out == x).all()


def test_user_functions_reduce_and_scan_by_slices():
    x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    out, scan = np.zeros(4, np.float32), np.zeros((4, 8), np.float32)
    lines = Lines()
    with lines.recording():
        launch(probe.fold_kernel, x, out, scan, ROWS=4, BLOCK=8)
    assert (out == x.max(1)).all() and (scan == np.maximum.accumulate(x, 1)).all()
    ((at, _),) = static.spans(probe._largest.fn)
    assert at in {line for _, line in lines.hit}


def test_statements_that_run_are_noted_and_no_others():
    x, y = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
    path = probe.branch_kernel.fn.__code__.co_filename
    spans = static.spans(probe.branch_kernel.fn)
    (helper,) = static.spans(probe._doubled.fn)

    def entered(*twice):
        lines = Lines()
        for flag in twice:
            with lines.recording():
                launch(probe.branch_kernel, x, y, 5, TWICE=flag, BLOCK=8)
        hit = {line for file, line in lines.hit if file == path}
        return [at in hit for at, _ in (*spans, helper)]

    assert entered(True).count(False) == 1 and entered(False).count(False) == 2
    assert entered(False)[-1] is False and all(entered(True, False))
    assert y.tolist() == (x + 1).tolist()


def test_only_arrays_and_numbers_are_arguments():
    with pytest.raises(TypeError, match="list"):
        launch(probe.copy_kernel, [1.0], np.zeros(1, np.float32), 1, EXTRA=0, BLOCK=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
def test_uniforms_have_the_bits_of_the_counter_stream_on_the_cpu(dtype):
    with launching.using(interpreter()):
        got = random.uniform(np.empty((5, 41), dtype), 2**40 + 1, 7)
    want = philox.uniform(2**40 + 1, 7, (5, 41), dtype)
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_normals_have_the_bits_of_the_counter_stream_on_the_cpu(dtype):
    with launching.using(interpreter()):
        got = random.normal(np.empty(3000, dtype), 3, 2**33)
    assert got.tobytes() == philox.normal(3, 2**33, (3000,), dtype).tobytes()


@pytest.mark.parametrize("chances", [np.float32, np.float64, None])
def test_bernoulli_compares_the_uniforms_of_the_cpu(chances):
    like = np.empty((5, 41), np.float32)
    p = 0.3 if chances is None else np.linspace(0, 1, 205, dtype=chances).reshape(5, 41)
    with launching.using(interpreter()):
        got = random.bernoulli(like, p, 2**40 + 1, 7)
    want = philox.uniform(2**40 + 1, 7, (5, 41), chances or np.float64) < p
    assert (got == want).all() and 0 < want.sum() < want.size


def _index_calls(bad):
    x, source = np.arange(4, dtype=np.float32), np.ones(2, np.float32)
    index = np.array([0, bad])
    return {
        "gather": lambda: indexing.gather(x, index, 0),
        "index_select": lambda: indexing.index_select(x, 0, index),
        "embedding": lambda: indexing.embedding(x.reshape(4, 1), index),
        "scatter": lambda: indexing_write.scatter(x, 0, index, source),
        "index_add": lambda: indexing_write.index_add(x, 0, index, source),
        "index_put": lambda: indexing_write.index_put(x, (index,), source),
    }


@pytest.mark.parametrize("name", sorted(_index_calls(0)))
def test_a_runner_that_checks_looks_at_indices(name):
    runner = Interpreter()
    with launching.using(runner):
        _index_calls(9)[name]()  # reads zeros, writes nothing
        runner.check = True
        _index_calls(3)[name]()
        with pytest.raises(IndexError, match="index out of range for dimension 0 with size 4"):
            _index_calls(9)[name]()
