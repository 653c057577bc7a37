"""Sizes that no memory holds, too many dimensions, and the strides of axes of size one."""

from __future__ import annotations

import pytest

BIG = 2**29
TOO_LARGE = {
    "resize_": lambda t: t.empty((), dtype=t.float64).resize_([2, 4, BIG, BIG]),
    "resize_ numel": lambda t: t.empty((), dtype=t.float64).resize_([8, 8, BIG, BIG]),
    "resize_ strides": lambda t: t.empty(()).resize_([0, 4, 2**61]),
    "resize_ empty": lambda t: t.empty(()).resize_([2**62, 4, 0]),
    "resize_ grad first": lambda t: t.empty(2, requires_grad=True).resize_([2**32, 2**32]),
    "resize_as_": lambda t: t.ones(2).resize_as_(t.ones(1).expand(2**31, 2**31)),
    "rand": lambda t: t.rand([8, 8, BIG, BIG]),
    "randn": lambda t: t.randn([2, 4, BIG, BIG]),
    "rand empty": lambda t: t.rand([0, 2**62, 4]),
    "randint": lambda t: t.randint(3, [2**61]),
    "arange": lambda t: t.arange(2**61),
    "linspace": lambda t: t.linspace(0, 1, 2**62),
    "contiguous": lambda t: t.zeros(1).expand(2**31, 2**31).contiguous(),
    "add": lambda t: t.zeros(1).expand(2**31, 2**31) + 1,
    "mul": lambda t: t.zeros(1).expand(2**31, 2**31) * t.zeros(1, dtype=t.float64),
    "exp": lambda t: t.zeros(1).expand(2**31, 2**31).exp(),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_no_memory_holds_is_refused_in_the_same_words(agree, name):
    kind, _ = agree(TOO_LARGE[name], words=7)
    assert kind == "RuntimeError"


def test_more_dimensions_than_an_array_has_are_refused_as_by_reductions():
    import franken

    one = franken.ones([1] * 64)
    makers = [
        lambda: franken.zeros([1] * 65), lambda: franken.randn([1] * 65),
        lambda: one.unsqueeze(0), lambda: franken.ones(1).view([1] * 65),
        lambda: franken.ones(1).expand([1] * 65), lambda: franken.stack([one, one]),
    ]  # fmt: skip
    for make in makers:
        with pytest.raises(RuntimeError, match="^only tensors with up to 64 dims are supported$"):
            make()
    assert one.sum(63).dim() == 63


STRIDES = {
    "lead": lambda t: t.rand(5).expand(1, 1, 5),
    "lead of two": lambda t: t.rand(5).expand(2, 1, 5),
    "inner one": lambda t: t.rand(5).expand(1, 2, 5),
    "transposed": lambda t: t.rand(1, 5).t().expand(1, 1, 5, 1),
    "middle": lambda t: t.rand(3, 1, 5).expand(1, 3, 4, 5),
    "one": lambda t: t.rand(1).expand(1, 1, 1),
    "number": lambda t: t.rand(()).expand(1, 2),
    "gaps": lambda t: t.rand(5)[::2].expand(1, 3),
    "gaps, then nothing": lambda t: t.rand(8)[::2].expand(0, 4),
    "broadcast_to": lambda t: t.broadcast_to(t.rand(5), (1, 1, 5)),
    "broadcast_tensors": lambda t: t.broadcast_tensors(t.rand(5), t.rand(1, 5))[0],
    "expand_as": lambda t: t.rand(5).expand_as(t.rand(1, 5)),
    "none of gaps": lambda t: t.ones(2, 3).t().expand(0, 3, 2),
    "none of columns": lambda t: t.ones(2, 3).t().as_strided((0, 2), (1, 3)),
    "bfloat16": lambda t: t.ones(2, 5, dtype=t.bfloat16).t().expand(1, 1, 5, 2),
    "complex32": lambda t: t.ones(2, 5, dtype=t.complex32).t().expand(1, 5, 2),
}


@pytest.mark.parametrize("name", STRIDES)
def test_strides_of_expanded_views(agree, name):
    agree(lambda t: (list(STRIDES[name](t).stride()), list(STRIDES[name](t).shape)))


def test_an_expanded_view_of_any_layout_shares_memory(agree):
    def program(t):
        x = t.zeros(2, 5, dtype=t.bfloat16).t()
        x.expand(1, 5, 2)[0, 1, 1] = 3
        return x.float()

    assert agree(program)[0] == "value"
