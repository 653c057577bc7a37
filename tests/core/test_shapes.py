"""Shapes, strides, views and windows: properties against torch (and NumPy for slices)."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from franken.core.geometry import layout, memory, shapes, strides, views
from franken.core.geometry.views import Geometry
from franken.ops.nn import windows

torch = pytest.importorskip("torch")

FAILURES = (RuntimeError, IndexError, ValueError)
MANY = settings(max_examples=60)

sizes = st.integers(0, 4)
shape = st.lists(sizes, max_size=5).map(tuple)
dim = st.integers(-6, 6)


def outcome(call):
    try:
        return call()
    except FAILURES as error:
        return type(error).__name__, str(error)


def same_or_both_fail(ours, theirs):
    """Compare results exactly; of two errors, only the type and the leading words."""
    if isinstance(theirs, tuple) and theirs and isinstance(theirs[0], str):
        return ours[0] == theirs[0] and ours[1][:20] == theirs[1][:20]
    return ours == theirs


def negative(theirs):
    """Tell torch's geometries of negative size, which it lets through and we refuse."""
    return isinstance(theirs, Geometry) and min(theirs.shape, default=0) < 0


def doubly_wrong(dims, ndim):
    """Tell lists that are both out of range and repeated: which is told first varies by op."""
    inside = [d % max(ndim, 1) for d in dims if -max(ndim, 1) <= d < max(ndim, 1)]
    return len(inside) < len(dims) and len(set(inside)) < len(inside)


@st.composite
def tensors(draw, min_dims=0, max_dims=5):
    """Draw a torch tensor of any geometry: permuted, stepped, expanded or strided at will."""
    ndim = draw(st.integers(min_dims, max_dims))
    size = tuple(draw(st.lists(sizes, min_size=ndim, max_size=ndim)))
    if draw(st.booleans()):
        places = st.sampled_from([0, 1, 1, 2, 3, 4, 6, 12])
        stride = tuple(draw(st.lists(places, min_size=ndim, max_size=ndim)))
        return torch.empty_strided(size, stride)
    t = torch.empty(size).permute(draw(st.permutations(range(ndim))))
    if ndim and draw(st.booleans()):
        t = t[:: draw(st.integers(1, 2))]
    if ndim and t.size(0) == 1 and draw(st.booleans()):
        t = t.expand([3] + [-1] * (ndim - 1))
    return t


def geometry(t):
    return Geometry(tuple(t.shape), t.stride(), t.storage_offset())


# -- broadcasting, dims, sizes --


@MANY
@given(shape, shape)
@example((3,), (4,))
@example((2, 1, 3), (3, 1, 3))
@example((0,), (1,))
def test_broadcast_two(a, b):
    theirs = outcome(lambda: tuple((torch.empty(a) + torch.empty(b)).shape))
    assert outcome(lambda: shapes.broadcast_two(a, b)) == theirs


@MANY
@given(st.lists(st.lists(st.integers(-1, 3), max_size=3).map(tuple), max_size=4))
@example([(1,), (5, 4), (1, 1, 4, 3)])
def test_broadcast_shapes(many):
    theirs = outcome(lambda: tuple(torch.broadcast_shapes(*many)))
    assert outcome(lambda: shapes.broadcast_shapes(*many)) == theirs


@given(st.lists(shape, min_size=1, max_size=3))
def test_broadcast_operands(many):
    ts = [torch.empty(each) for each in many]
    theirs = outcome(lambda: tuple(torch.broadcast_tensors(*ts)[0].shape))
    assert outcome(lambda: shapes.broadcast_operands(many)) == theirs


@MANY
@given(st.lists(st.integers(-2, 7), max_size=4), st.integers(0, 24))
@example([0, -1], 0)
@example([-1, -1], 4)
def test_infer_size(target, count):
    theirs = outcome(lambda: tuple(torch.empty(count).view(target).shape))
    assert outcome(lambda: shapes.infer_size(target, count)) == theirs


bound = st.one_of(st.none(), st.integers(-9, 9))


@MANY
@given(bound, bound, st.integers(-1, 4), st.integers(0, 6))
def test_slice_bounds(start, stop, step, length):
    if step <= 0:
        with pytest.raises(RuntimeError, match="slice step must be positive"):
            shapes.slice_bounds(start, stop, step, length)
        return
    first, count = shapes.slice_bounds(start, stop, step, length)
    expected = np.arange(length)[start:stop:step]
    assert [first + i * step for i in range(count)] == expected.tolist()
    assert 0 <= first <= length


def test_overflow_is_refused():
    with pytest.raises(RuntimeError, match="numel: integer multiplication overflow"):
        shapes.numel((2**40, 2**40))
    for size in ((2**40, 2**40), (2**62,), (-1, 2)):
        assert outcome(lambda s=size: shapes.storage_bytes(s, 4)) == outcome(
            lambda s=size: torch.empty(s)
        )
    assert shapes.storage_bytes((0, 2**40), 4) == 0


# -- strides --


@MANY
@given(tensors())
def test_contiguity_and_density(t):
    size, stride = tuple(t.shape), t.stride()
    assert strides.is_contiguous(size, stride) == t.is_contiguous()
    dense = torch.ops.aten.is_non_overlapping_and_dense(t)
    assert strides.is_non_overlapping_and_dense(size, stride) == dense
    assert strides.preserved_strides(size, stride) == torch.empty_like(t).stride()
    assert strides.contiguous_strides(size) == torch.empty(size).stride()


@MANY
@given(tensors(min_dims=4))
def test_channels_last(t):
    size, stride = tuple(t.shape), t.stride()
    name = "channels_last" if t.dim() == 4 else "channels_last_3d"
    theirs, ours = getattr(torch, name), getattr(layout, name)
    assert strides.is_channels_last(size, stride) == t.is_contiguous(memory_format=theirs)
    made = torch.empty(size, memory_format=theirs).stride()
    assert strides.memory_format_strides(size, ours) == made
    # suggest_memory_format is what chooses the layout of a convolution's result.
    suggested = torch._prims_common.suggest_memory_format(t) is theirs
    assert strides.suggests_channels_last(size, stride) == suggested


@pytest.mark.parametrize("name", ["channels_last", "channels_last_3d", "preserve_format"])
def test_memory_format_refusals(name):
    theirs = outcome(lambda: torch.empty(2, 3, memory_format=getattr(torch, name)))
    assert outcome(lambda: strides.memory_format_strides((2, 3), layout.ALL[name])) == theirs


@st.composite
def regroupings(draw):
    """Draw a tensor and a shape of as many elements."""
    t = draw(tensors(max_dims=4))
    count = t.numel()
    if count == 0:
        target = draw(st.lists(sizes, min_size=1, max_size=4))
        assume(math.prod(target) == 0)
        return t, tuple(target)
    target, left = [], count
    while left > 1:
        target.append(draw(st.sampled_from([k for k in range(1, left + 1) if left % k == 0])))
        left //= target[-1]
    return t, tuple(draw(st.permutations(target)))


@MANY
@given(regroupings())
def test_view_is_legal_exactly_where_torch_says(pair):
    t, target = pair
    try:
        theirs = t.view(target).stride()
    except RuntimeError:
        theirs = None
    assert strides.view_strides(tuple(t.shape), t.stride(), target) == theirs
    planned = views.reshape(geometry(t), target)
    assert (planned is None) == (theirs is None)


@MANY
@given(
    st.lists(st.integers(-1, 4), max_size=3).map(tuple),
    st.lists(st.integers(-1, 5), max_size=3).map(tuple),
    st.integers(-1, 8),
)
@example((2**62, 2**62), (1, 1), 0)
@example((3, 4), (2**62, 2**61), 0)
@example((0, 3), (400, 1), 1000)
@example((), (), 10)
def test_as_strided_bounds(size, stride, offset):
    base = torch.empty(10)
    theirs = outcome(lambda: geometry(base.as_strided(size, stride, offset)))
    ours = outcome(lambda: views.as_strided(size, stride, offset, 10, 4))
    if any(n < 0 for n in size):
        # torch's own verdict depends on which strides are zero; ours is always no.
        assert ours[0] == "RuntimeError"
    else:
        assert ours == theirs


@MANY
@given(tensors(max_dims=3), st.lists(st.integers(-2, 4), max_size=4))
@example(torch.empty(3), [4])
@example(torch.empty(3), [-1, 3])
@example(torch.empty(2, 3).t(), [1, 1, -1, -1])
@example(torch.empty(()), [2, 1, 1])
def test_expand(t, target):
    theirs = outcome(lambda: geometry(t.expand(target)))
    ours = outcome(lambda: views.expand(geometry(t), target))
    if negative(theirs) or "numel: integer" in theirs[1]:
        assert ours[0] == "RuntimeError"
    elif isinstance(theirs[0], str) and theirs[1].startswith("expand("):
        assert ours[0] == "RuntimeError" and ours[1].startswith("expand(")
        assert ours[1].partition(": ")[2] == theirs[1].partition(": ")[2]
    else:
        assert ours == theirs


# -- the other views --

number = st.integers(-6, 6)
VIEWS = {
    "select": (views.select, lambda t, d, i: t.select(d, i), (dim, number)),
    "slice": (
        views.slice_axis,
        lambda t, *a: torch.ops.aten.slice(t, *a),
        (dim, bound, bound, st.integers(-1, 3)),
    ),
    "narrow": (views.narrow, lambda t, *a: t.narrow(*a), (dim, number, number)),
    "transpose": (views.transpose, lambda t, *a: t.transpose(*a), (dim, dim)),
    "permute": (views.permute, lambda t, a: t.permute(a), (st.lists(dim, max_size=5),)),
    "squeeze": (views.squeeze, lambda t, a: t.squeeze(a), (dim,)),
    "squeeze_some": (
        lambda g, a: views.squeeze(g, a),
        lambda t, a: t.squeeze(tuple(a)),
        (st.lists(dim, min_size=1, max_size=3),),
    ),
    "squeeze_all": (views.squeeze, lambda t: t.squeeze(), ()),
    "unsqueeze": (views.unsqueeze, lambda t, d: t.unsqueeze(d), (dim,)),
    "diagonal": (views.diagonal, lambda t, *a: t.diagonal(*a), (number, dim, dim)),
    "unfold": (views.unfold, lambda t, *a: t.unfold(*a), (dim, number, number)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_planners(name):
    plan, oracle, argument_strategies = VIEWS[name]

    @settings(max_examples=100)
    @given(tensors(max_dims=4), st.tuples(*argument_strategies))
    def check(t, arguments):
        if name == "squeeze_some":
            assume(not doubly_wrong(arguments[0], t.dim()))
        ours = outcome(lambda: plan(geometry(t), *arguments))
        assert ours == outcome(lambda: geometry(oracle(t, *arguments)))

    check()


@given(tensors(max_dims=4), st.data())
def test_permute_with_valid_permutations(t, data):
    order = data.draw(st.permutations(range(t.dim())))
    assert views.permute(geometry(t), order) == geometry(t.permute(order))
    assert views.permute_strides(t.stride(), order) == t.permute(order).stride()


# -- windows --

FEW = settings(max_examples=60)


def quietly(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome(call)


@FEW
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(-1, 3), st.integers(0, 3)),
    st.tuples(st.integers(-1, 2), st.integers(0, 2)),
    st.tuples(st.integers(0, 3), st.integers(1, 3)),
)
def test_conv_output_shape(spatial, kernel, stride, padding, dilation):
    x, w = torch.empty(1, 1, *spatial), torch.empty(1, 1, *kernel)
    theirs = quietly(
        lambda: tuple(torch.nn.functional.conv2d(x, w, None, stride, padding, dilation).shape[2:])
    )
    ours = outcome(lambda: windows.conv_output_shape(spatial, kernel, stride, padding, dilation))
    if 0 in dilation:
        # Which of the convolutions torch picks decides how it words this one.
        assert ours[0] == theirs[0] == "RuntimeError"
    else:
        assert ours == theirs


@FEW
@given(*([st.integers(1, 6)] * 2), *([st.integers(0, 3)] * 3), st.integers(1, 3))
def test_conv_transpose_output_shape(extent, kernel, stride, padding, extra, dilation):
    x, w = torch.empty(1, 1, extent, extent), torch.empty(1, 1, kernel, kernel)
    theirs = quietly(
        lambda: tuple(
            torch.nn.functional.conv_transpose2d(
                x, w, None, stride, padding, extra, 1, dilation
            ).shape[2:]
        )
    )
    pair = [(v, v) for v in (extent, kernel, stride, padding, extra, dilation)]
    ours = outcome(lambda: windows.conv_transpose_output_shape(*pair))
    if ours == (0, 0):
        # torch's undilated kernels allow an empty result, its dilated ones do not.
        assert theirs == (0, 0) or "Calculated output size per channel: (0 x 0)" in theirs[1]
        return
    assert same_or_both_fail(ours, theirs)


@FEW
@given(
    st.integers(1, 9), st.integers(1, 4), st.integers(0, 4), st.integers(-1, 3),
    st.integers(0, 3), st.booleans(),
)  # fmt: skip
def test_pool_output_shape(extent, kernel, stride, padding, dilation, ceil_mode):
    x = torch.empty(1, 3, extent, extent)
    theirs = quietly(
        lambda: tuple(
            torch.nn.functional.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode).shape[
                2:
            ]
        )
    )
    pair = [(v, v) for v in (extent, kernel, stride, padding, dilation)]
    ours = outcome(lambda: windows.pool_output_shape(*pair, ceil_mode, channels=3))
    assert same_or_both_fail(ours, theirs)


def test_overlap_is_said_of_what_is_certain():
    a = np.arange(12.0)
    told = {
        "itself": (a, a, "full"),
        "the same places": (a[2:8], a[2:8], "full"),
        "the same places in another order": (a.reshape(3, 4), a.reshape(4, 3).T, "part"),
        "shifted": (a[:8], a[2:10], "part"),
        "a part": (a[:8], a[:4], "part"),
        "beside": (a[:6], a[6:], "none"),
        "another memory": (a, a.copy(), "none"),
        "interleaved": (a[::2], a[1::2], "none"),
        "with gaps": (a[::2], a[:6], "none"),
        "dense and gaps": (a[:6], a[::2], "none"),
        "empty": (a[3:3], a, "none"),
        "and empty": (a, a[3:3], "none"),
        "no array": (a, 3.0, "none"),
        "nor the first": (3.0, a, "none"),
    }
    found = {name: memory.overlap(x, y) for name, (x, y, _) in told.items()}
    assert found == {name: kind for name, (_, _, kind) in told.items()}
