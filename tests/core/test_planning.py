"""The planner of output layouts against the live oracle, on geometries of every kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franken.core.geometry import planning, strides

torch = pytest.importorskip("torch")


@st.composite
def laid_out(draw, shape):
    """A tensor of the oracle: axes in any order in memory, with gaps or broadcast axes."""
    order = draw(st.permutations(range(len(shape))))
    gap = draw(st.sampled_from((0, 0, 1)))
    memory = torch.zeros([shape[d] + gap for d in order])
    part = memory[tuple(slice(0, shape[d]) for d in order)]
    t = part.permute(sorted(range(len(shape)), key=order.__getitem__))
    axis = draw(st.none() | st.integers(0, len(shape) - 1)) if shape else None
    return t if axis is None or not shape[axis] else t.narrow(axis, 0, 1).expand(shape)


@st.composite
def operands(draw, count):
    """Tensors that broadcast together."""
    shape = draw(st.lists(st.sampled_from((1, 2, 3, 4, 2, 3, 0)), max_size=5))
    found = []
    for _ in range(draw(st.integers(1, count))):
        own = [1 if draw(st.integers(0, 6)) == 0 else n for n in shape]
        lead = draw(st.integers(0, len(own))) if draw(st.integers(0, 4)) == 0 else 0
        found.append(draw(laid_out(own[lead:])))
    return found


def geometry(t):
    return planning.Operand(tuple(t.shape), t.stride())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(operands(3))
def test_elementwise(tensors):
    ops = {1: torch.neg, 2: torch.add, 3: torch.addcmul}
    want = ops[len(tensors)](*tensors)
    got = planning.iterator(tuple(want.shape), [geometry(t) for t in tensors])
    assert got == want.stride()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from((1, 2, 3, 0)), min_size=0, max_size=5).flatmap(laid_out))
def test_preserved_and_gradients(t):
    want = torch.empty_like(t)
    assert planning.as_input(tuple(t.shape), [geometry(t)]) == want.stride()
    leaf = t.detach().requires_grad_()
    (leaf * 2).sum().backward()
    got = planning.gradient_strides(tuple(t.shape), t.stride())
    steps = [(g, w) for n, g, w in zip(t.shape, got, leaf.grad.stride(), strict=True) if n > 1]
    assert 0 in t.shape or all(g == w for g, w in steps)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from((1, 2, 3)), min_size=4, max_size=5).flatmap(laid_out))
def test_joined_and_stacked(t):
    for dim in range(t.ndim):
        want = torch.cat([t, t], dim)
        assert planning.joined(tuple(want.shape), [geometry(t)] * 2) == want.stride()
    want = torch.nn.functional.pad(t, (1, 0))
    assert planning.channels_last(tuple(want.shape), [geometry(t)]) == want.stride()
    suggested = strides.suggests_channels_last(tuple(t.shape), t.stride())
    if suggested and t.ndim == 4:
        assert torch.max_pool2d(t, 1).is_contiguous(memory_format=torch.channels_last)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(laid_out([2, 3, 4, 2]), st.integers(1, 15), laid_out([2, 2]))
def test_indexed(t, mask, places):
    pattern = tuple(mask >> d & 1 for d in range(4))
    index = places.long()
    want = t[tuple(index if p else slice(None) for p in pattern)]
    given_ = [geometry(t)] + [geometry(index)] * sum(pattern)
    assert planning.indexed(tuple(want.shape), given_, {"pattern": pattern}) == want.stride()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3), (0, 3), (2, 0, 3)])
def test_column_major_is_the_transpose_of_row_major(shape):
    got = planning.column_major(shape, [])
    flipped = (*shape[:-2], *shape[:-3:-1])
    steps = strides.contiguous_strides(flipped)
    assert got == (*steps[:-2], *steps[:-3:-1])
