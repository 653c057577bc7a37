"""Recurrent layers over whole sequences as primitives: LSTM and GRU.

The input's part of the gates is a product that comes before; the layer holds what is sequential.
Derivatives beyond the first, forward mode, and what a layer does not take (ended sequences, a
projection) go through the steps, which are written in plain ops here.
"""

from __future__ import annotations

from typing import Any

from franken.backends.meta import rules
from franken.backends.numpy import recurrent as kernels
from franken.core.batching import batch_size, spread
from franken.core.op import namespace
from franken.core.primitive import Primitive
from franken.ops.declaring.loop import loop
from franken.ops.declaring.pulled_back import pulled_back, pushed_forward
from franken.ops.linalg.product import linear_weight_grad_
from franken.ops.shape.join import cat_


def _linear(x: Any, w: Any, b: Any) -> Any:
    return namespace("nn.functional")["linear"](x, w, b)


# --- one step: (input's part of the gates, state, hidden weights) -> state; state[0] is the output


def tanh_step(gates: Any, state: Any, w: Any, b: Any, proj: Any) -> Any:
    """A step of Elman's network, with tanh."""
    return ((gates + _linear(state[0], w, b)).tanh(),)


def relu_step(gates: Any, state: Any, w: Any, b: Any, proj: Any) -> Any:
    """A step of Elman's network, with relu."""
    return ((gates + _linear(state[0], w, b)).relu(),)


def lstm_step(gates: Any, state: Any, w: Any, b: Any, proj: Any) -> Any:
    """A step of an LSTM: state is (output, cell); `proj` are the weights of a projection."""
    h, c = state
    i, f, g, o = (gates + _linear(h, w, b)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if proj is None else _linear(h, proj, None)), c


def gru_step(gates: Any, state: Any, w: Any, b: Any, proj: Any) -> Any:
    """A step of a GRU."""
    h = state[0]
    size = h.shape[-1]
    below = _linear(h, w, b)
    both = (gates[..., : 2 * size] + below[..., : 2 * size]).sigmoid()
    reset, update = both.chunk(2, -1)
    new = (gates[..., 2 * size :] + reset * below[..., 2 * size :]).tanh()
    return (new + update * (h - new),)


def _layer(step: Any, gates: Any, state: Any, w: Any, b: Any, reverse: bool) -> Any:
    """All steps in plain ops: (outputs, *what the state holds besides).

    The bias may be one of each step's and row's own.
    """
    parts = gates.unbind(0)
    biases = b.unbind(0) if b is not None and b.ndim == gates.ndim else [b] * len(parts)
    pairs = list(zip(parts, biases, strict=True))
    outs = []
    for part, bias in reversed(pairs) if reverse else pairs:
        state = step(part, state, w, bias, None)
        outs.append(state[0])
    if reverse:
        outs.reverse()
    return (namespace("torch")["stack"](outs), *state[1:])


def _before(out: Any, first: Any, reverse: bool) -> Any:
    """The output that each step started with."""
    start = first.unsqueeze(0)
    return cat_(out[1:], start, dim=0) if reverse else cat_(start, out[:-1], dim=0)


def _rows_together(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """Batching: more rows where weights are shared, else an example at a time."""
    shared = _SHARED[prim.name]
    if any(dims[k] is not None for k in shared):
        return loop(prim, values, dims, params)
    size = batch_size(values, dims)
    folded = []
    for k, (v, d) in enumerate(zip(values, dims, strict=True)):
        if k not in shared and v is not None:
            v = spread(v, d, size).movedim(0, -3).flatten(-3, -2)
        folded.append(v)
    outs = prim(*folded, **params)
    return tuple([o.unflatten(-2, (size, -1)).movedim(-3, 0) for o in outs]), 0


# --- LSTM ----------------------------------------------------------------------------------------


def _lstm_kernel(gates: Any, h: Any, c: Any, w: Any, b: Any, *, reverse: bool) -> Any:
    return kernels.lstm_forward(gates, h, c, w, b, reverse)


def _lstm_grad_kernel(
    gy: Any, gc: Any, gates: Any, h: Any, c: Any, w: Any, b: Any, acts: Any, cells: Any, *,
    reverse: bool,
) -> Any:  # fmt: skip
    return kernels.lstm_backward(gy, gc, h, c, w, acts, cells, reverse)


def _outputs(gates: Any, h: Any) -> Any:
    """The geometry of all steps' outputs."""
    return rules.reserved((gates.shape[0], *h.shape), gates.dtype)


# outputs: of all steps; the last cell; the gates after activation; the cells
lstm_layer = Primitive(
    "lstm_layer", ("gates", "h", "c", "w", "b"), _lstm_kernel, outputs=4, nondiff=(2, 3),
    batch=_rows_together, title="MkldnnRnnLayerBackward0",
    meta=lambda gates, h, c, w, b, **_: [
        _outputs(gates, h), rules.same(c), rules.same(gates), _outputs(gates, h)
    ],
)  # fmt: skip
lstm_layer_grad = Primitive(
    "lstm_layer_grad", ("gy", "gc", "gates", "h", "c", "w", "b", "acts", "cells"),
    _lstm_grad_kernel, outputs=3, batch=_rows_together,
    meta=lambda gy, gc, gates, h, c, *more, **_: rules.each(gates, h, c),
)  # fmt: skip


def _lstm(reverse: bool) -> Any:
    return lambda gates, h, c, w, b: _layer(lstm_step, gates, (h, c), w, b, reverse)


@lstm_layer.joint_vjp
def _(
    g: Any, needs: Any, gates: Any, h: Any, c: Any, w: Any, b: Any, out0: Any, out2: Any, out3: Any,
    reverse: bool,
) -> Any:  # fmt: skip
    gy = out0.new_zeros(out0.shape) if g[0] is None else g[0]
    gc = c.new_zeros(c.shape) if g[1] is None else g[1]
    dz, dh, dc = lstm_layer_grad(gy, gc, gates, h, c, w, b, out2, out3, reverse=reverse)
    dw = linear_weight_grad_(dz, _before(out0, h, reverse)) if needs[3] else None
    return dz, dh, dc, dw, dz if needs[4] else None


@lstm_layer.jvp
def _(tangents: Any, out: Any, *inputs: Any, reverse: bool) -> Any:
    return (*pushed_forward(_lstm(reverse), inputs, tangents), None, None)


def _lstm_gradients(reverse: bool) -> Any:
    def gradients(gy: Any, gc: Any, *inputs: Any) -> Any:
        return tuple(pulled_back(_lstm(reverse), inputs, (gy, gc))[:3])

    return gradients


@lstm_layer_grad.joint_vjp
def _(
    g: Any, needs: Any, gy: Any, gc: Any, gates: Any, h: Any, c: Any, w: Any, b: Any, reverse: bool
) -> Any:
    inputs = (gy, gc, gates, h, c, w, b)
    return [*pulled_back(_lstm_gradients(reverse), inputs, g), None, None]


@lstm_layer_grad.jvp
def _(tangents: Any, out: Any, *inputs: Any, reverse: bool) -> Any:
    return pushed_forward(_lstm_gradients(reverse), inputs[:7], tangents[:7])


# --- GRU -----------------------------------------------------------------------------------------


def _gru_kernel(gates: Any, h: Any, w: Any, b: Any, *, reverse: bool) -> Any:
    return kernels.gru_forward(gates, h, w, b, reverse)


def _gru_grad_kernel(
    gy: Any, gates: Any, h: Any, w: Any, b: Any, result: Any, acts: Any, below: Any, *,
    reverse: bool,
) -> Any:  # fmt: skip
    return kernels.gru_backward(gy, h, w, result, acts, below, reverse)


# outputs: of all steps; the gates after activation; the hidden part of the new state
gru_layer = Primitive(
    "gru_layer", ("gates", "h", "w", "b"), _gru_kernel, outputs=3, nondiff=(1, 2),
    batch=_rows_together, title="StackBackward0",
    meta=lambda gates, h, w, b, **_: [_outputs(gates, h), rules.same(gates), _outputs(gates, h)],
)  # fmt: skip
# outputs: cotangents of the gates, of their hidden part, of the first state
gru_layer_grad = Primitive(
    "gru_layer_grad", ("gy", "gates", "h", "w", "b", "result", "acts", "below"), _gru_grad_kernel,
    outputs=3, batch=_rows_together,
    meta=lambda gy, gates, h, *more, **_: rules.each(gates, gates, h),
)  # fmt: skip
for _prim in (lstm_layer, lstm_layer_grad, gru_layer, gru_layer_grad):
    _prim.still = lambda node, i: True
# Where the inputs are that all rows share, by primitive.
_SHARED = {"lstm_layer": (3, 4), "lstm_layer_grad": (5, 6), "gru_layer": (2, 3),
           "gru_layer_grad": (3, 4)}  # fmt: skip


def _gru(reverse: bool) -> Any:
    return lambda gates, h, w, b: _layer(gru_step, gates, (h,), w, b, reverse)


@gru_layer.joint_vjp
def _(
    g: Any, needs: Any, gates: Any, h: Any, w: Any, b: Any, out0: Any, out1: Any, out2: Any,
    reverse: bool,
) -> Any:  # fmt: skip
    dz, hidden, dh = gru_layer_grad(g[0], gates, h, w, b, out0, out1, out2, reverse=reverse)
    dw = linear_weight_grad_(hidden, _before(out0, h, reverse)) if needs[2] else None
    return dz, dh, dw, hidden if needs[3] else None


@gru_layer.jvp
def _(tangents: Any, out: Any, *inputs: Any, reverse: bool) -> Any:
    return (*pushed_forward(_gru(reverse), inputs, tangents), None, None)


def _gru_gradients(reverse: bool) -> Any:
    """Of a layer whose hidden part has biases of its own for each step and row."""

    def gradients(gy: Any, gates: Any, h: Any, w: Any, b: Any) -> Any:
        shape = (*gates.shape[:-1], w.shape[0])
        own = gates.new_zeros(shape) if b is None else b.expand(shape)

        def layer(gates: Any, h: Any, own: Any) -> Any:
            return _layer(gru_step, gates, (h,), w, own, reverse)[0]

        dz, dh, hidden = pulled_back(layer, (gates, h, own), gy)
        return dz, hidden, dh

    return gradients


@gru_layer_grad.joint_vjp
def _(g: Any, needs: Any, gy: Any, gates: Any, h: Any, w: Any, b: Any, reverse: bool) -> Any:
    return [*pulled_back(_gru_gradients(reverse), (gy, gates, h, w, b), g), None, None, None]


@gru_layer_grad.jvp
def _(tangents: Any, out: Any, *inputs: Any, reverse: bool) -> Any:
    return pushed_forward(_gru_gradients(reverse), inputs[:5], tangents[:5])
