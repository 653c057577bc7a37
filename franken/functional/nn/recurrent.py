"""Recurrent networks: one step (the cells), and whole stacks of layers over sequences.

A layer multiplies its whole input by the input weights at once; only the hidden part is
sequential. A packed sequence is the general case: step t has batch_sizes[t] rows.
Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
"""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, recurrent
from franken.ops.nn.recurrent import (
    gru_layer,
    gru_step,
    lstm_layer,
    lstm_step,
    relu_step,
    tanh_step,
)


def _linear(x: Any, w: Any, b: Any) -> Any:
    return namespace("nn.functional")["linear"](x, w, b)


# --- layers --------------------------------------------------------------------------------------


def _forwards(step: Any, gates: list[Any], state: Any, w: Any, b: Any, proj: Any) -> Any:
    """Run in time; sequences that have ended leave the state, and are put back at the end."""
    outs = []
    ended: list[Any] = []
    for g in gates:
        size, rows = g.shape[0], state[0].shape[0]
        if size < rows:
            ended.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        state = step(g, state, w, b, proj)
        outs.append(state[0])
    if ended:
        parts = (state, *reversed(ended))
        state = tuple(_cat([p[k] for p in parts]) for k in range(len(state)))
    return outs, state


def _backwards(step: Any, gates: list[Any], first: Any, w: Any, b: Any, proj: Any) -> Any:
    """Run against time; shorter sequences enter with their starting state when they begin."""
    outs = []
    state = tuple(s[: gates[-1].shape[0]] for s in first)
    for g in reversed(gates):
        size, rows = g.shape[0], state[0].shape[0]
        if size > rows:
            state = tuple(_cat([s, f[rows:size]]) for s, f in zip(state, first, strict=True))
        state = step(g, state, w, b, proj)
        outs.append(state[0])
    outs.reverse()
    return outs, state


def _whole_lstm(gates: Any, state: Any, w: Any, b: Any, reverse: bool) -> Any:
    out, last, _, _ = lstm_layer(gates, *state, w, b, reverse=reverse)
    return out, (out[0 if reverse else -1], last)


def _whole_gru(gates: Any, state: Any, w: Any, b: Any, reverse: bool) -> Any:
    out, _, _ = gru_layer(gates, *state, w, b, reverse=reverse)
    return out, (out[0 if reverse else -1],)


# Steps of which there is a primitive for all of a sequence.
_WHOLE: dict[Any, Any] = {lstm_step: _whole_lstm, gru_step: _whole_gru}


def _cat(parts: list[Any], dim: int = 0) -> Any:
    return namespace("torch")["cat"](parts, dim)


def _stack(
    step: Any, x: Any, sizes: list[int] | None, states: Any, params: Any, per_direction: int,
    biased: bool, layers: int, dropout: float, train: bool, both: bool,
) -> Any:  # fmt: skip
    """All layers: x is (T, B, features), or (rows, features) with `sizes` rows a step."""
    if x.dtype.is_floating_point and x.dtype.itemsize == 2:  # rounded once, not at every step
        wide = dt.float32
        x, low = x.to(wide), x.dtype
        states = tuple(s.to(wide) for s in states)
        params = [w.to(wide) for w in params]
        got = _stack(step, x, sizes, states, params, per_direction, biased, layers, dropout, train,
                     both)  # fmt: skip
        return tuple(g.to(low) for g in got)
    directions = 2 if both else 1
    finals = []
    for layer in range(layers):
        outs = []
        for d in range(directions):
            k = layer * directions + d
            weights = params[k * per_direction : (k + 1) * per_direction]
            w_ih, w_hh = weights[:2]
            b_ih, b_hh = weights[2:4] if biased else (None, None)
            proj = weights[-1] if per_direction in (3, 5) else None
            gates = _linear(x, w_ih, b_ih)
            first = tuple(s[k] for s in states)
            if sizes is None and proj is None and step in _WHOLE and x.dtype.is_floating_point:
                got, final = _WHOLE[step](gates, first, w_hh, b_hh, bool(d))
            else:
                steps = list(gates.unbind(0) if sizes is None else gates.split(sizes))
                run = _backwards if d else _forwards
                rows, final = run(step, steps, first, w_hh, b_hh, proj)
                got = _cat(rows) if sizes is not None else namespace("torch")["stack"](rows)
            outs.append(got)
            finals.append(final)
        x = outs[0] if directions == 1 else _cat(outs, -1)
        if dropout and train and layer < layers - 1:
            x = namespace("nn.functional")["dropout"](x, dropout, True)
    stack = namespace("torch")["stack"]
    return (x, *(stack([f[j] for f in finals]) for j in range(len(states))))


def _sequence(name: str, step: Any, many: bool, gates: int) -> None:
    """Declare `torch.lstm` or one of its like, for padded and for packed input."""

    def run(input: Tensor, *args: Any) -> Any:
        if isinstance(args[2], (list, tuple)):  # packed: data, batch_sizes, hx, params, ...
            batch_sizes, hx, params, biased, layers, dropout, train, both = args
            x, sizes, first = input, [int(n) for n in batch_sizes.tolist()], False
        else:
            hx, params, biased, layers, dropout, train, both, first = args
            x, sizes = (input.transpose(0, 1) if first else input), None
        states = tuple(hx) if many else (hx,)
        per = len(params) // (layers * (2 if both else 1))
        got = _stack(step, x, sizes, states, params, per, biased, layers, dropout, train, both)
        return (got[0].transpose(0, 1), *got[1:]) if first else got

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"Layers of {name} over a sequence (T, B, *), or over packed data."
    op(method=False, samples=recurrent(gates, 2 if many else 1))(run)


_sequence("lstm", lstm_step, True, 4)
_sequence("gru", gru_step, False, 3)
_sequence("rnn_tanh", tanh_step, False, 1)
_sequence("rnn_relu", relu_step, False, 1)


# --- cells ---------------------------------------------------------------------------------------


def _refuse_integers(x: Any) -> None:
    if x.dtype.kind == dt.INTEGER:
        raise RuntimeError(
            f"result type {dt.get_default_dtype().scalar_name} can't be cast to the desired output "
            f"type {x.dtype.scalar_name}"
        )


@op(
    method=False,
    samples=lambda t: [
        S(t(2, 3), (t(2, 4), t(2, 4)), t(16, 3), t(16, 4), t(16), t(16)),
        S(t(2, 3), (t(2, 4), t(2, 4)), t(16, 3), t(16, 4)),
    ],
)
def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One LSTM step: (N, H_in), (h, c) of (N, H) -> h, c."""
    _refuse_integers(input)
    return lstm_step(_linear(input, w_ih, b_ih), tuple(hx), w_hh, b_hh, None)


@op(
    method=False,
    samples=lambda t: [
        S(t(2, 3), t(2, 4), t(12, 3), t(12, 4), t(12), t(12)),
        S(t(2, 3), t(2, 4), t(12, 3), t(12, 4)),
    ],
)
def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One GRU step: (N, H_in), (N, H) -> (N, H)."""
    _refuse_integers(input)
    return gru_step(_linear(input, w_ih, b_ih), (hx,), w_hh, b_hh, None)[0]


@op(
    method=False,
    samples=lambda t: [
        S(t(2, 3), t(2, 4), t(4, 3), t(4, 4), t(4), t(4)),
        S(t(2, 3), t(2, 4), t(4, 3), t(4, 4)),
    ],
)
def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One tanh RNN step: (N, H_in), (N, H) -> (N, H)."""
    return tanh_step(_linear(input, w_ih, b_ih), (hx,), w_hh, b_hh, None)[0]


@op(
    method=False,
    samples=lambda t: [
        S(t(2, 3), t(2, 4), t(4, 3), t(4, 4), t(4), t(4)),
        S(t(2, 3), t(2, 4), t(4, 3), t(4, 4)),
    ],
)
def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One relu RNN step: (N, H_in), (N, H) -> (N, H)."""
    return relu_step(_linear(input, w_ih, b_ih), (hx,), w_hh, b_hh, None)[0]
