"""Packed and padded sequences: values, lengths, nodes and refusals, against torch."""

from __future__ import annotations

import itertools

import pytest

ALL = 99  # words of an error


def names(t, depth=3):
    """The node's name, and those of the nodes that take its gradients."""
    node = t.grad_fn
    found = []
    for _ in range(depth):
        if node is None:
            break
        found.append(node.name())
        node = next((n for n, _ in node.next_functions if n is not None), None)
    return found


PACKED = [
    ((3, 2), [3, 2]), ((3, 2), [2, 2]), ((3, 2, 2), [3, 1]), ((2, 3), [2, 2, 1]),
    ((3, 2), [3, 2, 1]), ((3, 2), [2, 3]), ((3, 2), [4, 2]), ((3, 2), [3, 0]), ((3, 2), [3, -1]),
    ((3, 2), [3.0, 2.5]), ((3, 2), [[3, 2]]), ((3, 2), 3), ((3,), [3]), ((), [1]), ((), []),
    ((0, 0), []), ((3, 0), []), ((0, 3), [1, 1, 1]), ((3, 2, 0), [3, 2]), ((0, 0), [[3, 2]]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "lengths"), PACKED, ids=str)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packing(agree, shape, lengths, batch_first):
    def program(t):
        x = t.arange(24.0)[: t.zeros(shape).numel()].reshape(shape).requires_grad_()
        packed = t.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first)
        beyond = len(packed.batch_sizes) > shape[batch_first]  # a gradient torch refuses to make
        grad = None if beyond else t.autograd.grad((packed.data**2).sum(), x)[0]
        return list(packed), names(packed.data, 2), grad

    agree(program, words=ALL)


ORDERED = [p for p in PACKED if min(p[0], default=0) > 1 and p[1] != [3, 2, 1]]


@pytest.mark.parametrize(("shape", "lengths"), ORDERED, ids=str)
def test_packing_in_any_order(agree, shape, lengths):
    def program(t):
        x = t.arange(24.0)[: t.zeros(shape).numel()].reshape(shape).requires_grad_()
        packed = t.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return list(packed), t.nn.utils.rnn.pad_packed_sequence(packed)

    agree(program, words=ALL)


SIZES = [[2, 2, 1], [3], [1, 1], [], [[2, 1]], [2.0, 1.0]]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("total", [None, 1, 4])
def test_unpacking(agree, sizes, total):
    for rows, batch_first in itertools.product((5, 3), (False, True)):

        def program(t, rows=rows, batch_first=batch_first):
            x = t.arange(2.0 * rows).reshape(rows, 2).requires_grad_()
            size = t.tensor(sizes) if sizes else t.zeros(0).long()
            packed = t.nn.utils.rnn.PackedSequence(x, size)
            out, n = t.nn.utils.rnn.pad_packed_sequence(packed, batch_first, 7.0, total)
            return out, n, out.stride(), names(out, 1), t.autograd.grad((out**2).sum(), x)

        agree(program, words=4)


PADDED = {
    "ends": lambda t: [t.ones(2, 3), t.ones(3, 3) * 2], "one": lambda t: [t.ones(2)],
    "vectors": lambda t: [t.ones(1), t.ones(3)], "none": lambda t: [],
    "tensor": lambda t: t.ones(2, 3), "number": lambda t: 3, "numbers": lambda t: [1, 2],
    "tuple": lambda t: (t.ones(1), t.ones(2)), "rank": lambda t: [t.ones(2), t.ones(2, 2)],
    "width": lambda t: [t.ones(2, 3), t.ones(3, 2)],
    "first's dtype": lambda t: [t.ones(2).long(), t.ones(3) * 1.5],
}  # fmt: skip


@pytest.mark.parametrize("kind", PADDED)
def test_padding(agree, kind):
    for batch_first, side in itertools.product((False, True), ("right", "left", "up")):

        def program(t, batch_first=batch_first, side=side):
            parts = PADDED[kind](t)
            out = t.nn.utils.rnn.pad_sequence(parts, batch_first, 2.0, side)
            return out, out.stride(), str(out.dtype)[-7:]

        if kind != "number":  # whose message shows the arguments' types in full
            agree(program, words=ALL)


def test_a_gradient_passes_through_both(agree):
    def program(t):
        rnn = t.nn.utils.rnn
        parts = [t.arange(3.0).requires_grad_(), t.arange(2.0).requires_grad_()]
        packed = rnn.pack_sequence(parts)
        out, _ = rnn.pad_packed_sequence(packed, padding_value=5.0)
        out.pow(3).sum().backward()
        return [p.grad for p in parts], names(out, 1)

    agree(program)
