"""Sparse tensors in optimizers, comparisons, pickles and torch's files, against torch."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import franken as ft
import franken.optim

torch = pytest.importorskip("torch")

from tests.sparse.said import MADE, each, said  # noqa: E402 - imports torch

STEPS = """
def steps(kind, **options):
    table = t.nn.Embedding(5, 3, sparse=True)
    with t.no_grad():
        table.weight.copy_(t.arange(15.0).reshape(5, 3) / 7)
    optimizer = getattr(t.optim, kind)(table.parameters(), **options)
    for _ in range(3):
        optimizer.zero_grad()
        (table(t.tensor([0, 1, 1, 3])) ** 2).sum().backward()
        optimizer.step()
    return table.weight.detach(), optimizer.state_dict()["state"]
p = t.nn.Parameter(t.ones(3))
def dense():
    p.grad = t.ones(3)
    t.optim.SparseAdam([p]).step()
def clipped(by, *how):
    table = t.nn.Embedding(5, 3, sparse=True)
    table(t.tensor([0, 1])).sum().backward()
    getattr(t.nn.utils, by)(table.parameters(), *how)
"""
STEPPED = """
steps("SGD", lr=0.1) | steps("SGD", lr=0.1, momentum=0.9) | steps("SGD", lr=0.1, maximize=True)
steps("SGD", lr=0.1, momentum=0.9, nesterov=True) | steps("SGD", lr=0.1, weight_decay=0.1)
steps("Adagrad", lr=0.1) | steps("Adagrad", lr=0.1, lr_decay=0.5)
steps("Adagrad", weight_decay=0.1)
steps("SparseAdam", lr=0.1) | steps("SparseAdam", lr=0.1, betas=(0.5, 0.6), eps=0.1, maximize=True)
steps("Adam") | steps("AdamW") | steps("Adamax") | steps("NAdam") | steps("RAdam")
steps("RMSprop")
steps("Rprop") | steps("Adadelta") | steps("ASGD") | steps("Adafactor") | dense()
t.optim.SparseAdam([p], lr=0) | t.optim.SparseAdam([p], eps=0)
t.optim.SparseAdam([p], betas=(1.0, 0.9))
t.optim.SparseAdam([t.zeros(3).to_sparse().requires_grad_()]) | t.optim.SparseAdam([p])
clipped("clip_grad_norm_", 1.0)
"""


@pytest.mark.parametrize("text", each(STEPPED))
def test_optimizers_take_or_refuse_sparse_gradients_as_torchs(text):
    assert said(ft, text, STEPS) == said(torch, text, STEPS)


COMPARED = """
same(s, s.clone()) | same(s, s * 2) | same(s, u.coalesce()) | same(s, u) | same(s, s.to_dense())
same(s, s.to_dense(), check_layout=False) | same(s.to_sparse_csr(), s.to_sparse_csr() * 2)
"""


@pytest.mark.parametrize("text", each(COMPARED))
def test_comparisons_speak_as_torchs(text):
    prepare = MADE + "\nimport importlib\nsame = importlib.import_module(t.__name__ + '.testing')"
    prepare += ".assert_close\n"
    words = [_compared(t, text, prepare) for t in (ft, torch)]
    assert words[0] == words[1]


def _compared(t, text, prepare):
    try:
        return said(t, text, prepare)
    except AssertionError as error:
        return str(error)


LAYOUTS = ["sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"]


def made(t, layout):
    blocks = (1, 2) if layout[7] == "b" else None
    d = t.tensor([[0, 2.0, 0, 1], [3, 0, 4, 0]])
    return d.to_sparse(layout=getattr(t, layout), blocksize=blocks)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("weights_only", [True, False])
def test_files_go_both_ways(layout, weights_only):
    for writer, reader in ((torch, ft), (ft, torch), (ft, ft)):
        x, buffer = made(writer, layout), io.BytesIO()
        writer.save({"x": x}, buffer)
        buffer.seek(0)
        assert repr(reader.load(buffer, weights_only=weights_only)["x"]) == repr(x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pickles_and_copies(layout):
    x = made(ft, layout)
    assert repr(pickle.loads(pickle.dumps(x))) == repr(copy.copy(x)) == repr(x)
    if layout == "sparse_coo":
        y = copy.deepcopy(x.requires_grad_())
        assert repr(y) == repr(x)
        assert y.requires_grad
        assert y._values().data_ptr() != x._values().data_ptr()
    else:  # as in torch
        with pytest.raises(NotImplementedError, match="Cannot access storage of SparseCsr"):
            copy.deepcopy(x)


def test_a_file_with_parts_that_do_not_fit_is_refused():
    x, buffer = ft.sparse_coo_tensor([[0, 7]], [1.0, 2.0], (3,)), io.BytesIO()
    ft.save(x, buffer)
    buffer.seek(0)
    with pytest.raises(Exception, match="size is inconsistent with indices"):
        ft.load(buffer)


def test_buffers_are_in_state_dicts():
    module, other = ft.nn.Module(), ft.nn.Module()
    module.register_buffer("b", made(ft, "sparse_coo"))
    other.register_buffer("b", made(ft, "sparse_coo") * 0)
    other.load_state_dict(module.state_dict())
    assert repr(other.b) == repr(module.b)
    assert module.double().b.dtype is ft.float64


LEAVES = """
s = t.tensor([[0, 2.0, 0], [3, 0, 4]]).to_sparse().requires_grad_()
b = t.arange(6.0).reshape(3, 2).requires_grad_()
def hooked():
    seen = []
    with t.autograd.graph.saved_tensors_hooks(lambda x: seen.append(x.layout) or x, lambda x: x):
        out = t.sparse.mm(s, b)
    out.sum().backward()
    return seen, s.grad, b.grad
def data():
    s.data = s.data * 2
    return s
def retained():
    y = s * 2
    y.retain_grad()
    y.to_dense().sum().backward()
    return y.grad, s.grad
def twice():
    (g,) = t.autograd.grad((s * s).to_dense().sum(), s, create_graph=True)
    return g, t.autograd.grad(g.to_dense().sum(), s)
def assigned(g):
    s.grad = g
"""


AS_LEAVES = """
hooked() | data() | retained() | twice() | t.nn.Parameter(s.detach()) | assigned(b.detach().t())
isinstance(t.nn.Parameter(s.detach()), t.nn.Parameter)
"""


@pytest.mark.parametrize("text", each(AS_LEAVES))
def test_sparse_leaves_behave_as_torchs(text):
    assert said(ft, text, LEAVES) == said(torch, text, LEAVES)
