"""Tables of lists: chunks cover every element once, and what does not fit is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.triton_kernels.kernels.lists import multi_tensor

HERE = Path(__file__).parent


def test_interpreted():
    """Kernels over lists, in a process that imports triton in its interpreting form."""
    env = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
               "--rootdir", str(HERE.parents[1]), str(HERE / "interpreted_lists.py")]  # fmt: skip
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "14 passed" in done.stdout


@given(sizes=st.lists(st.integers(0, 40), max_size=8), chunk=st.integers(1, 16))
def test_chunks_cover_each_element_once_and_in_order(sizes, chunk):
    got = [
        (tensor, k)
        for tensor, start in multi_tensor.chunks_of(sizes, chunk).tolist()
        for k in range(start, min(start + chunk, sizes[tensor]))
    ]
    assert got == [(t, k) for t, n in enumerate(sizes) for k in range(n)]


def test_a_table_holds_addresses_then_sizes():
    xs = [np.zeros(3, np.float32), np.zeros((), np.float32)]
    ys = [np.zeros(3, np.float32), np.zeros((), np.float32)]
    walk = multi_tensor.table("plain", [xs, ys])
    want = [[multi_tensor.address(x) for x in row] for row in (xs, ys)]
    assert walk.addresses.tolist() == [*want, [3, 1]] and walk.tensors == 2
    assert not walk.addresses.flags.writeable and not walk.chunks.flags.writeable


def test_a_table_is_kept_for_the_same_memory_and_made_anew_for_other():
    x = np.zeros(8, np.float32)
    first = multi_tensor.table("plain", [[x]])
    assert multi_tensor.table("plain", [[x[:]]]) is first
    assert multi_tensor.table("plain", [[x[:4]]]) is not first
    for k in range(multi_tensor.KEPT_TABLES):
        multi_tensor.table("plain", [[x[: k % 8 + 1], np.zeros(k + 1, np.float32)]])
    assert len(multi_tensor._tables) <= multi_tensor.KEPT_TABLES


def test_alignment_is_that_of_every_chunk():
    x = np.zeros(4096 + 8, np.float32)
    offset = -multi_tensor.address(x) % 16 // 4
    assert multi_tensor.table("plain", [[x[offset : offset + 4096]]]).aligned
    assert not multi_tensor.table("plain", [[x[offset + 1 : offset + 4097]]]).aligned
    # Blocks of 4 elements: chunks of 8 halves begin at multiples of 16 bytes, of 4 bytes do not.
    assert not multi_tensor.table("plain", [[x[offset : offset + 3]]]).aligned


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), r"has shape \(2, 3\)"),
        (np.zeros((2, 3)), np.zeros((3, 2)).T, "and strides"),
        (np.zeros((4, 4))[::2], np.zeros((4, 4))[::2], "has gaps"),
        (np.zeros((4, 4))[:, :2], np.zeros((4, 4))[:, :2], "has gaps"),
        (np.zeros(4)[::-1], np.zeros(4)[::-1], "has gaps"),
        (np.broadcast_to(np.zeros(1), 4), np.broadcast_to(np.zeros(1), 4), "has gaps"),
    ],
)
def test_layouts_that_a_flat_walk_would_get_wrong_are_refused(x, y, said):
    with pytest.raises(ValueError, match=said):
        multi_tensor.same_layout("op", {"xs": [x]}, [y])


def test_layouts_that_a_flat_walk_gets_right_are_taken():
    for x in (np.zeros((2, 3)), np.zeros((2, 3)).T, np.zeros((2, 3, 4)).transpose(1, 2, 0)):
        multi_tensor.same_layout("op", {"xs": [x, x[:0]]}, [x, x[:0]])
    single = np.zeros((3, 5))[:, :1]
    with pytest.raises(ValueError, match="has gaps"):
        multi_tensor.same_layout("op", {"xs": [single]}, [single])


@given(x=st.floats(1e-6, 1e6))
def test_halves_hold_48_bits(x):
    high, low = multi_tensor.halves(x)
    assert np.float32(high) == high and np.float32(low) == low
    assert abs(high + low - x) <= x * 2.0**-47
