"""Strides against torch's, where NumPy's own would be others."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import franken  # noqa: E402


def _axis_of_one(m: Any) -> Any:
    return m.arange(4.0, dtype=m.float64).reshape(4, 1).T  # strides (1, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: _axis_of_one(m).unsqueeze(1),
        lambda m: m.arange(6.0)[::2].unsqueeze(-1),
        lambda m: m.zeros(0).unsqueeze(0),
        lambda m: m.zeros(1).expand(5).unsqueeze(1),
        lambda m: m.zeros(3, 1, 1).permute(2, 0, 1).squeeze(0),
        lambda m: m.atleast_3d(m.arange(6.0)[::2]),
        lambda m: _axis_of_one(m).float(),
        lambda m: m.zeros_like(_axis_of_one(m)),
        lambda m: m.addcmul(_axis_of_one(m), m.ones(4, dtype=m.float64), _axis_of_one(m)),
        lambda m: m.fft.fft2(m.zeros(3, 4, dtype=m.complex128).T),
        lambda m: m.fft.fft(m.zeros(2, 3, 4, 5).to(memory_format=m.channels_last)),
        lambda m: m.fft.rfftn(m.zeros(2, 3, 4, 5).permute(3, 2, 1, 0), dim=(0, 1)),
        lambda m: m.fft.irfft2(m.zeros(2, 3, 4, 5, dtype=m.complex64).permute(1, 0, 2, 3)),
        lambda m: m.fft.ihfftn(m.zeros(3, 4)),
        lambda m: m.fft.fftn(m.zeros(4, 3).T, out=m.empty(0, dtype=m.complex64)),
        lambda m: m.linalg.tensorinv(m.eye(6).reshape(2, 3, 6).contiguous(), out=m.empty(0)),
        lambda m: m.cholesky_solve(m.ones(3, 2), m.eye(3), out=m.empty(0)),
    ],
)
def test_strides_are_torchs(call: Any) -> None:
    """Also along axes that hold one element or none, and of results that are not row-major."""
    assert call(franken).stride() == call(torch).stride()
