"""Tensors in coordinates against torch: what is printed of results, errors, gradients."""

from __future__ import annotations

import pytest

import franken as ft

torch = pytest.importorskip("torch")

from tests.sparse.said import MADE, each, said  # noqa: E402 - imports torch

VALUES = """
h + h | h.sum(1) | t.dsmm(s, b) | t.hsmm(s, b) | s.to_sparse_coo() is s
t.nn.functional.linear(d, s)
t.zeros(2, 3, layout=t.sparse_coo) | t.empty(2, 3, layout=t.sparse_coo)
t.zeros_like(d, layout=t.sparse_coo)
t.sparse.sum(t.sparse_coo_tensor((2, 3)), 0) | t.sparse_coo_tensor((2, 3)) @ b | h[1] | h[1, 0]
h * h
s | u | h | u.coalesce() | h.coalesce() | u.to_dense() | h.to_dense() | d.to_dense() is d
s.layout | s.is_sparse | s.is_sparse_csr | isinstance(s, t.Tensor) | t.is_tensor(s) | s.type()
s.indices() | s.values() | u._indices() | u._values() | u._nnz() | h.sparse_dim() | h.dense_dim()
u.is_coalesced() | s.is_coalesced() | s.size() | s.numel() | s.stride() | s.is_contiguous()
s + s | s + u | u + u | s - u | d + s | d - s | s * s | s * u | u * u | s * d | d * s | s * 2
2 * s | s * t.tensor(2.0) | s / 2 | s / t.tensor(2.0) | s ** 2 | s.pow(3) | -u | u.abs() | s.sqrt()
s.sin() | s.relu() | s.isnan() | s.log1p() | s.sum() | s.sum(0) | s.any() | s.norm() | u.norm()
s.t() | u.t() | s.transpose(0, 1) | s.permute(1, 0) | s[0] | s[0, 1] | s[-1] | s.select(1, 2)
s.index_select(0, t.tensor([1, 1])) | s.unsqueeze(0) | t.cat([s, u]) | t.cat([s, u], 1)
t.stack([s, u]) | s.unbind()[1] | s @ b | t.mm(s, b) | b @ s | s @ s.t() | t.spmm(s, b)
t.sparse.mm(s, b) | t.sparse.mm(b, s) | t.sparse.addmm(t.ones(2, 2), s, b, beta=2, alpha=3)
t.addmm(t.ones(2, 2), s, b) | t.bmm(s.unsqueeze(0), b[None]) | s.mv(v) | s.matmul(v)
t.smm(s, b) | t.hspmm(s, b) | t.sparse.sum(s) | t.sparse.sum(s, 0) | t.sparse.sum(s, [0, 1])
t.sparse.sum(h, 1) | t.sparse.softmax(s, 1) | t.sparse.softmax(s, 0) | t.sparse.log_softmax(u, 1)
t.sparse.softmax(h, 1) | t.zeros_like(s) | t.empty_like(s) | s.half() | s.to(t.int64) | s.bool()
s.clone() | s.detach() | s.cpu() | s.to("cpu") is s | d.to_sparse(1) | t.zeros(0, 3).to_sparse()
t.tensor(2.0).to_sparse() | d.sparse_mask(u.coalesce()) | u.sparse_mask(s) | s.to_sparse() is s
s.clone().zero_() | s.clone().mul_(2) | s.clone().add_(u) | s.clone().copy_(u) | s.clone().sin_()
d.clone().add_(s) | s.clone().sparse_resize_((3, 4), 2, 0) | t.sparse_coo_tensor((2, 3))
s.clone().sparse_resize_and_clear_((4,), 1, 0) | t.sparse_coo_tensor(size=(2, 0))
t.sparse_coo_tensor([[0, 1]], [[1, 2], [3, 4]]) | t.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,))
t.sparse_coo_tensor([[0]], [1], dtype=t.float64) | t.sparse_coo_tensor([[0]], [1.5], (3,)) * 1j
t.sparse_coo_tensor([[0]], [1.5], (3,), requires_grad=True) | t.result_type(s, 1j)
t.sparse_coo_tensor([[0]], [1.5], (3,), is_coalesced=True).is_coalesced()
t.sparse.spdiags(b.t(), t.tensor([0, -1]), (3, 3))
t.sparse_coo_tensor([[0], [1]], [2.0], (2, 3), dtype=t.bfloat16)
"""
ERRORS = """
h.to_sparse(2) | h.transpose(0, 1) | (s != 0).add(1) | s.bool() + s.bool() | s.bool() * s.bool()
s + d | s - d | s + 1 | s.add_(d) | s / d | d / s | s / s | s.cos() | s.exp() | s == s | s.max()
s.numpy() | s.tolist() | s.storage() | s.data_ptr() | s.view(6) | s.reshape(6) | s.contiguous()
s.item() | s.nbytes | s.expand(2, 2, 3) | s[0:1] | s.narrow(1, 0, 2) | s.squeeze() | s > 0
u.values() | u.indices() | d.indices() | d.values() | d._nnz() | t.ones_like(s) | s.clamp(0)
d.to_sparse(3) | s.resize_(2, 2) | s.sparse_resize_((1, 3), 2, 0) | s.sparse_resize_((2, 3), 1, 1)
t.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (3, 3)) | t.sparse_coo_tensor([0, 1], [1.0, 2.0])
t.sparse_coo_tensor([[0, 1]], [1.0, 2.0, 3.0]) | t.mm(s, s) | t.sparse.mm(s, s)
t.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,), check_invariants=True)
t.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (3,), check_invariants=True)
t.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (3,), check_invariants=True, is_coalesced=True)
t.sparse_coo_tensor([[0, 1]], [[1.0], [2.0]], (3, 4)) | t.mean(s) | bool(s)
"""


@pytest.mark.parametrize("text", each(VALUES))
def test_values_print_as_torchs(text):
    expected = said(torch, text)
    assert not isinstance(expected, tuple), expected
    assert said(ft, text) == expected


@pytest.mark.parametrize("text", each(ERRORS))
def test_errors_are_torchs(text):
    expected = said(torch, text)
    assert isinstance(expected, tuple)
    assert said(ft, text) == expected


GRADIENTS = """
s.to_dense() | u.to_dense() | s.to_dense(masked_grad=False) | d.to_sparse() | d.to_sparse(1)
s.coalesce().values() | u.coalesce().values() | s + s | s + u | d + s | s - u | d - s | s * s
s * u | s * d | d * s | s * 2 | s / 2 | -s | s.abs() | s.relu() | s.pow(2) | s.sum()
t.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], v, (2, 3))
t.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], v, (2, 3)).coalesce()
t.sparse.sum(s) | t.sparse.sum(s, 0) | t.sparse.sum(u, 1) | t.sparse.sum(s, (0, 1)) | s @ b
t.sparse.softmax(s, 1) | t.sparse.softmax(s, 0) | t.sparse.log_softmax(s, 1) | t.mm(s, d.t())
t.sparse.mm(s, b) | t.sparse.mm(u, b) | t.sparse.mm(s, d.t()) | t.sparse.mm(d.t(), s)
t.sparse.mm(s, s.t()) | t.sparse.addmm(d[:, :2], s, b, beta=2, alpha=3)
t.addmm(d[:, :2], s, b) | s.t() | s.clone() | s.double() | d.sparse_mask(u.detach().coalesce())
u.sparse_mask(s.detach()) | t.bmm(s.unsqueeze(0), b[None]) | s.detach() * d | t.stack([s, u])
s.to_dense() + s.to_dense() | (s * 1).mul_(2) | (s * 1).add_(u) | (s * 1).to_dense().add_(s)
t.gather(d, 1, t.tensor([[0, 0], [2, 1]]), sparse_grad=True)
t.gather(d, 0, t.tensor([[0, 1, 1]]), sparse_grad=True)
f.embedding(t.tensor([[0, 1], [1, 1]]), d, sparse=True)
f.embedding(t.tensor([0, 1, 1]), d, sparse=True, padding_idx=0)
f.embedding_bag(t.tensor([0, 1, 1]), d, t.tensor([0, 2]), sparse=True)
f.embedding_bag(t.tensor([0, 1, 1]), d, t.tensor([0, 2]), sparse=True, mode="sum")
d + f.embedding(t.tensor([0, 1]), d, sparse=True)
f.embedding(t.tensor([0, 1]), d, sparse=True) + f.embedding(t.tensor([1, 1]), d, sparse=True)
"""
PASS = (
    MADE
    + """
f = t.nn.functional
for x in (s, u, d, v):
    x.requires_grad_()
def grads(out):
    name = out.grad_fn.name()
    out = out.to_dense() if out.is_sparse else out
    (out * t.arange(1.0, 1 + out.numel()).reshape(out.shape)).sum().backward()
    return name, [g if g is None or not g.is_sparse else g.coalesce() for g in
                  (x.grad for x in (s, u, d, v))]
"""
)


@pytest.mark.parametrize("text", each(GRADIENTS))
def test_gradients_and_their_layouts_are_torchs(text):
    expected = said(torch, f"grads({text})", PASS)
    assert not isinstance(expected, tuple), expected
    assert said(ft, f"grads({text})", PASS) == expected


ACCUMULATED = """
acc(a) | acc(a, a) | acc(a, d) | acc(d, a) | acc(a, a, d, a) | same(d, a) | hooked(a)
"""
LEAF = """
x = t.ones(2, 3, requires_grad=True)
a = t.sparse_coo_tensor([[0], [1]], [2.0], (2, 3))
d = t.ones(2, 3)
def acc(*gs):
    for g in gs:
        x.backward(g)
    return x.grad
def same(first, second):
    x.backward(first)
    kept = x.grad
    x.backward(second)
    return kept is x.grad
def hooked(g):
    seen = []
    x.register_hook(lambda g: seen.append(g.layout))
    x.backward(g)
    return seen
"""


@pytest.mark.parametrize("text", each(ACCUMULATED))
def test_gradients_of_both_layouts_add_up(text):
    assert said(ft, text, LEAF) == said(torch, text, LEAF)


def test_strided_tensors_stay_what_they_are():
    assert type(ft.ones(2)) is ft.Tensor
    assert type(ft.ones(2).to_sparse()) is not ft.Tensor
    assert type(ft.ones(2).to_sparse().to_dense()) is ft.Tensor


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("fast", [True, False])
def test_gradcheck_takes_sparse_inputs(masked, fast):
    s = ft.rand(2, 3, dtype=ft.float64).to_sparse().requires_grad_()
    b = ft.rand(3, 2, dtype=ft.float64).requires_grad_()
    options = {"masked": masked, "fast_mode": fast}
    assert ft.autograd.gradcheck(lambda s, b: ft.mm(s * 2, b), (s, b), **options)
    check = ft.sparse.as_sparse_gradcheck(ft.autograd.gradcheck)
    assert check(lambda s: s * 2, s, **options)
    with pytest.raises(ValueError, match="Sparse output is not supported at gradcheck yet"):
        ft.autograd.gradcheck(lambda s: s * 2, s, **options)


def test_gradcheck_finds_a_wrong_sparse_gradient():
    class Wrong(ft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.to_dense()

        @staticmethod
        def backward(ctx, g):
            return g * 3

    s = ft.rand(2, 3, dtype=ft.float64).to_sparse().requires_grad_()
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        ft.autograd.gradcheck(Wrong.apply, s, masked=True)
