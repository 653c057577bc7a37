"""Module.to and Tensor.to: what they cast, lay out, keep and refuse, as in torch."""

from __future__ import annotations

import itertools

import pytest

TENSORS = {
    "one channel": lambda t: t.ones(8, 1, 3, 3), "rows": lambda t: t.ones(2, 4, 3, 3),
    "last": lambda t: t.ones(2, 4, 3, 3).contiguous(memory_format=t.channels_last),
    "gaps": lambda t: t.ones(2, 4, 6, 3).contiguous(memory_format=t.channels_last)[:, :, ::2],
    "one pixel": lambda t: t.ones(2, 4, 1, 1), "turned": lambda t: t.ones(3, 4).t(),
    "empty": lambda t: t.ones(0, 4, 3, 3), "volume": lambda t: t.ones(2, 3, 2, 2, 2),
    "was one channel": lambda t: t.ones(8, 1, 3, 3).to(memory_format=t.channels_last),
}  # fmt: skip
FORMATS = ["channels_last", "channels_last_3d", "contiguous_format", "preserve_format"]


@pytest.mark.parametrize("kind", TENSORS)
def test_a_tensor_in_a_format(agree, kind):
    casts = ({}, {"dtype": "float64"}, {"dtype": "float32"}, {"copy": True})
    for name, options in itertools.product(FORMATS, casts):

        def program(t, name=name, options=options):
            x = TENSORS[kind](t)
            told = {k: getattr(t, v) if k == "dtype" else v for k, v in options.items()}
            y = x.to(memory_format=getattr(t, name), **told)
            return y.stride(), y is x, t.rand_like(y).stride(), y.dtype == x.dtype

        agree(program, words=99)


CALLS = {
    "format": lambda t, m: m.to(memory_format=t.channels_last),
    "volumes": lambda t, m: m.to(memory_format=t.channels_last_3d),
    "row-major": lambda t, m: m.to(memory_format=t.contiguous_format),
    "cast too": lambda t, m: m.to(t.float64, memory_format=t.channels_last),
    "device": lambda t, m: m.to("cpu", t.float64, False), "nothing": lambda t, m: m.to(),
    "like": lambda t, m: m.to(t.ones(1, dtype=t.float64)),
    "like, by name": lambda t, m: m.to(tensor=t.ones(1, dtype=t.float64)),
    "integers": lambda t, m: m.to(t.int64), "copy": lambda t, m: m.to(copy=True),
    "copy by place": lambda t, m: m.to("cpu", t.float64, False, True),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "make",
    [lambda t: t.nn.Conv2d(4, 3, 2), lambda t: t.nn.Conv2d(1, 3, 2), lambda t: t.nn.Linear(2, 3),
     lambda t: t.nn.Conv3d(2, 3, 2), lambda t: t.nn.BatchNorm2d(2)],
    ids=["conv", "one channel", "linear", "volumes", "norm"],
)  # fmt: skip
def test_a_module(agree, make, call):
    def program(t):
        m = make(t)
        p = next(m.parameters())
        p.sum().backward()
        back = CALLS[call](t, m)
        found = [(v.stride(), str(v.dtype).rpartition(".")[2]) for v in m.state_dict().values()]
        return found, back is m, p is next(m.parameters()), p.grad.stride()

    agree(program, words=7)
