"""Windows against torch's, value by value and refusal by refusal."""

from __future__ import annotations

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

LENGTHS = (0, 1, 2, 3, 4, 5, 8, 17)
NEW = [
    ("bartlett", {}), ("blackman", {}), ("cosine", {}), ("hamming", {}), ("hann", {}),
    ("nuttall", {}), ("exponential", {}), ("exponential", {"tau": 3}), ("gaussian", {}),
    ("gaussian", {"std": 2.5}), ("kaiser", {}), ("kaiser", {"beta": 0}), ("kaiser", {"beta": 3.5}),
    ("general_hamming", {"alpha": 0.7}), ("general_cosine", {"a": [0.3, 0.5, 0.2]}),
    ("general_cosine", {"a": (0.3,)}),
]  # fmt: skip
OLD = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]
CLOSE = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-14}


def both(call):
    """What a call gives under each library: values, or the error's type and text."""
    found = []
    for library in (franken, torch):
        try:
            found.append(call(library))
        except Exception as error:
            found.append((type(error).__name__, str(error).split(", got: TensorOptions")[0]))
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize(("name", "options"), NEW)
def test_signal_windows(name, options, sym, dtype):
    for m in LENGTHS:
        ours, theirs = both(
            lambda lib, m=m: getattr(lib.signal.windows, name)(
                m, sym=sym, dtype=getattr(lib, dtype), **options
            )
        )
        assert str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=CLOSE[dtype])


def test_a_center_moves_the_peak():
    def call(lib):
        return lib.signal.windows.exponential(5, center=1.5, tau=2, sym=False).tolist()

    ours, theirs = both(call)
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", OLD)
def test_older_windows(name, periodic, dtype):
    for m in LENGTHS:
        ours, theirs = both(
            lambda lib, m=m: getattr(lib, name)(m, periodic, dtype=getattr(lib, dtype)).double()
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=CLOSE[dtype])


def test_options_of_the_older_windows():
    for call in (
        *(lambda lib, name=name: getattr(lib, name)(5).tolist() for name in OLD),
        lambda lib: lib.hamming_window(5, True, 0.6).tolist(),
        lambda lib: lib.hamming_window(5, False, alpha=0.6, beta=0.3).tolist(),
        lambda lib: lib.kaiser_window(6, True, beta=-2.0).tolist(),
        lambda lib: lib.kaiser_window(6, False, 3.0).tolist(),
        lambda lib: lib.hann_window(window_length=4, periodic=False).tolist(),
    ):
        ours, theirs = both(call)
        assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("name", ["hann", "bartlett", "cosine", "exponential", "kaiser"])
@pytest.mark.parametrize(
    "options",
    [{"M": -1}, {"M": 3, "dtype": "int64"}, {"M": 3, "dtype": "float16"}, {"M": 0, "dtype": "bool"},
     {"M": -1, "dtype": "int64"}, {"M": 3, "layout": "sparse_coo"}],
)  # fmt: skip
def test_signal_windows_refuse_in_torchs_words(name, options):
    def call(lib):
        given = {k: getattr(lib, v) if isinstance(v, str) else v for k, v in options.items()}
        return getattr(lib.signal.windows, name)(given.pop("M"), **given)

    ours, theirs = both(call)
    assert ours == theirs


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.signal.windows.exponential(3, tau=-1),
        lambda lib: lib.signal.windows.exponential(0, tau=0),
        lambda lib: lib.signal.windows.exponential(3, center=1.0),
        lambda lib: lib.signal.windows.gaussian(3, std=-0.5),
        lambda lib: lib.signal.windows.kaiser(1, beta=-2),
        lambda lib: lib.signal.windows.general_cosine(3, a=[]),
        lambda lib: lib.signal.windows.general_cosine(3, a=None),
        lambda lib: lib.hann_window(-1),
        lambda lib: lib.hann_window(2.5),
        lambda lib: lib.kaiser_window(3, dtype=lib.int64),
        lambda lib: lib.blackman_window(3, dtype=lib.complex64),
    ],
)
def test_refusals_in_torchs_words(call):
    ours, theirs = both(call)
    assert ours[0] == theirs[0]
    assert ours[1].startswith(theirs[1])


def test_a_window_may_require_grad():
    assert franken.signal.windows.hann(4, requires_grad=True).requires_grad
    assert franken.hann_window(4, requires_grad=True).is_leaf
