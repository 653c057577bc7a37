"""Compressed rows and columns against torch: what is printed of results, errors, gradients."""

from __future__ import annotations

import pytest

import franken as ft

torch = pytest.importorskip("torch")

from tests.sparse.said import each, said  # noqa: E402 - imports torch

MADE = """
d = t.tensor([[0, 2.0, 0, 1], [3, 0, 4, 0]])
r = d.to_sparse_csr()
c = d.to_sparse_csc()
br = d.to_sparse_bsr((1, 2))
bc = d.to_sparse_bsc((2, 2))
o = t.ones(4, 2)
"""
VALUES = """
r | c | br | bc | r.layout | c.layout | r.is_sparse | r.is_sparse_csr | c.is_sparse_csr
r.values()
r.crow_indices() | r.col_indices() | c.ccol_indices() | c.row_indices() | br.values() | r._nnz()
r.sparse_dim() | r.dense_dim() | r.to_dense() | c.to_dense() | br.to_dense() | bc.to_dense()
r.to_sparse() | c.to_sparse() | br.to_sparse() | r.to_sparse_csc() | c.to_sparse_csr() | r.t()
c.t()
r.to_sparse_bsr((1, 2)) | br.to_sparse_bsc((1, 2)) | r @ o | c @ o | t.ones(3, 2) @ r | r @ r.t()
r.matmul(t.ones(4)) | t.mv(c, t.ones(4)) | t.addmm(t.ones(2, 2), r, o) | t.sparse.mm(r, o) | r + r
c + c | r + d | d + r | r * 2 | r * r | r * d | -r | r.abs() | c.sin() | r.sum()
r.sum(0, keepdim=True)
r.clone() | r.detach() | r.double() | r.to(t.int32) | r.bool() | r[0] | r[0, 1] | r.select(0, 1)
t.zeros_like(r) | r.numel() | r.nbytes | r.clone().zero_() | r.clone().mul_(2) | r.relu()
r.isnan()
d.sparse_mask(r) | r.unbind()[1] | t.stack([d, d * 2]).to_sparse_csr()
t.zeros(0, 3).to_sparse_csr()
t.stack([d, d * 2]).to_sparse_csr().to_dense() | t.stack([d, d * 2]).to_sparse_csr()[1]
t.sparse.mm(r, o, "sum") | t.sparse.mm(r, o, "mean") | t.sparse.mm(r, o, "amax")
t.sparse.mm(r, -o, "amin") | t.sparse.sampled_addmm(r, t.ones(2, 3), t.ones(3, 4), beta=2, alpha=3)
t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1, 2, 3, 4])
t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1.0, 2, 3, 4], (2, 3), dtype=t.float64)
t.sparse_csc_tensor([0, 2, 4], [0, 1, 0, 1], [1, 2, 3, 4])
t.sparse_bsr_tensor([0, 1, 2], [0, 1], [[[1, 2]], [[3, 4]]])
t.sparse_bsc_tensor([0, 1, 2], [0, 1], [[[1, 2]], [[3, 4]]])
t.sparse_csr_tensor([[0, 1], [0, 1]], [[0], [0]], [[1.0], [2.0]])
t.sparse_compressed_tensor([0, 1, 2], [1, 0], [2.0, 3.0], layout=t.sparse_csc)
"""
ERRORS = """
r.indices() | r.coalesce() | r.is_coalesced() | r._indices() | r.ccol_indices() | c.crow_indices()
r - r | r / 2 | r.cos() | r == r | r ** 2 | c * c | r.sum(0) | c.sum(0) | r.numpy() | r.tolist()
r.stride() | c.stride() | r.storage() | r.unsqueeze(0) | r.view(8) | r.reshape(8) | r.type()
t.cat([r, r]) | r.expand(2, 2, 4) | r.squeeze() | r.contiguous() | r.is_contiguous()
d.crow_indices()
br.to_sparse_csr() | t.sparse.mm(c, o, "mean")
t.sparse.sampled_addmm(c, t.ones(2, 3), t.ones(3, 4))
t.sparse_csr_tensor([0, 2, 5], [0, 1, 0, 1], [1, 2, 3, 4], (2, 10), check_invariants=True)
t.sparse_csr_tensor([1, 2, 4], [0, 1, 0, 1], [1, 2, 3, 4], (2, 10), check_invariants=True)
t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 11], [1, 2, 3, 4], (2, 10), check_invariants=True)
t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1, 2, 3], (2, 10), check_invariants=True)
t.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1, 2, 3, 4], (3, 10), check_invariants=True)
d.to_sparse_bsr((3, 2)) | d.to_sparse(layout=t.sparse_bsr)
d.to_sparse(layout=t.sparse_csr, blocksize=(1, 2))
"""


@pytest.mark.parametrize("text", each(VALUES))
def test_values_print_as_torchs(text):
    expected = said(torch, text, MADE)
    assert not isinstance(expected, tuple), expected
    assert said(ft, text, MADE) == expected


@pytest.mark.parametrize("text", each(ERRORS))
def test_errors_are_torchs(text):
    expected = said(torch, text, MADE)
    assert isinstance(expected, tuple)
    assert said(ft, text, MADE) == expected


GRADIENTS = """
r.to_dense() | r.values() | r * 2 | r @ o | r + r | r.sum() | d.to_sparse_csr()
d.to_sparse_bsr((1, 2))
r.to_sparse() | t.sparse.mm(r, o) | r.t() | r.clone() | r.double() | -r | r.to_sparse_csc()
"""
PASS = (
    MADE
    + """
for x in (r, d):
    x.requires_grad_()
def grads(out):
    name = out.grad_fn.name()
    out = out if out.layout is t.strided else out.to_dense()
    (out * t.arange(1.0, 1 + out.numel()).reshape(out.shape)).sum().backward()
    return name, r.grad, d.grad
"""
)


@pytest.mark.parametrize("text", each(GRADIENTS))
def test_gradients_and_their_layouts_are_torchs(text):
    expected = said(torch, f"grads({text})", PASS)
    assert not isinstance(expected, tuple), expected
    assert said(ft, f"grads({text})", PASS) == expected
