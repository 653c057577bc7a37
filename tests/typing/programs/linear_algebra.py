"""Matrices, transforms and special functions."""

from typing import assert_type

import franken as torch
from franken import Tensor, fft, linalg, special


def main() -> None:
    a = torch.eye(3, dtype=torch.float64) + 0.1
    q, r = torch.linalg.qr(a)
    assert_type(q, Tensor)
    assert_type(linalg.svd(a, full_matrices=False).Vh, Tensor)
    assert_type(linalg.eigh(a).eigenvalues, Tensor)
    sign, logdet = linalg.slogdet(a)
    assert_type(logdet, Tensor)
    assert_type(linalg.solve(a, torch.ones(3, dtype=a.dtype)), Tensor)
    assert_type(linalg.norm(a, ord="fro"), Tensor)
    assert_type(torch.det(a) * torch.trace(a), Tensor)
    assert_type(a.mT @ a.inverse(), Tensor)
    spectrum = fft.rfft(torch.rand(8), norm="ortho")
    assert_type(spectrum, Tensor)
    assert_type(spectrum.abs(), Tensor)
    assert_type(spectrum.real, Tensor)
    assert_type(fft.irfft(spectrum, n=8), Tensor)
    assert_type(special.expit(a) + special.gammaln(a), Tensor)
    assert_type(torch.baddbmm(a[None], a[None], a[None], beta=0.5), Tensor)
    assert_type(torch.signal.windows.hann(8), Tensor)
    try:
        linalg.cholesky(-a)
    except torch.linalg.LinAlgError as error:
        print(error)


def typos(a: Tensor) -> None:
    linalg.eighh(a)  # typo
    linalg.svd(a).V  # typo
    fft.fft(a, nrom="ortho")  # typo
    special.gamaln(a)  # typo
