"""RNN, LSTM, GRU over sequences, and their cells.

Sources: Hochreiter and Schmidhuber 1997; Cho et al. 2014;
https://docs.pytorch.org/docs/stable/nn.html#recurrent-layers
"""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import franken
from franken import Tensor
from franken.nn import init
from franken.nn.modules.module import Module
from franken.nn.modules.utils import factory
from franken.nn.parameter import Parameter
from franken.nn.utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """Parameters, checks and the call that RNN, LSTM and GRU share."""

    __constants__ = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first",
                     "dropout", "bidirectional", "proj_size"]  # fmt: skip

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        _check_options(dropout, num_layers, hidden_size, proj_size)
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self._all_weights: list[list[str]] = []
        made = factory(device, dtype)
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                self._add_direction(layer, suffix, made)
        self.reset_parameters()

    def _add_direction(self, layer: int, suffix: str, made: dict[str, Any]) -> None:
        directions = 2 if self.bidirectional else 1
        real = self.proj_size or self.hidden_size
        below = self.input_size if layer == 0 else real * directions
        rows = _GATES[self.mode] * self.hidden_size
        shapes: dict[str, Any] = {"weight_ih": (rows, below), "weight_hh": (rows, real)}
        if self.bias:
            shapes.update(bias_ih=rows, bias_hh=rows)
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for name, shape in shapes.items():
            names.append(f"{name}_l{layer}{suffix}")
            setattr(self, names[-1], Parameter(franken.empty(shape, **made)))
        self._all_weights.append(names)

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for names in self._all_weights for name in names]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        names = state.pop("_all_weights")
        state.update(
            _flat_weights_names=self._flat_weights_names, _all_weights=names,
            _flat_weights=self._flat_weights,
        )  # fmt: skip
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        derived = ("_flat_weights", "_flat_weights_names", "_flat_weight_refs")
        super().__setstate__({k: v for k, v in state.items() if k not in derived})

    def flatten_parameters(self) -> None:
        """Accepted for compatibility: there is no packed copy of the weights."""

    def reset_parameters(self) -> None:
        """Draw everything uniformly within 1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # --- checks --------------------------------------------------------------------------------
    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise unless the input has the declared number of features."""
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.size(-1)}"
            )

    def _state_size(self, batch: int, width: int) -> tuple[int, int, int]:
        return (self.num_layers * (2 if self.bidirectional else 1), batch, width)

    def _check_state(self, state: Tensor, expected: tuple[int, ...], what: str = "hidden") -> None:
        if tuple(state.size()) != expected:
            raise RuntimeError(f"Expected {what} size {expected}, got {list(state.size())}")

    # --- running -------------------------------------------------------------------------------
    def forward(self, input: Any, hx: Any = None) -> Any:
        """(L, N, H_in), state -> (L, N, directions * H_out), state; or a packed sequence."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D instead"
            )
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        batch = x.size(0 if self.batch_first else 1)
        self.check_input(x, None)
        state = self._starting_state(x, hx, batch, batched)
        out, state = self._call(x, None, state)
        if not batched:
            out = out.squeeze(0 if self.batch_first else 1)
            state = self._each(state, lambda s: s.squeeze(1))
        return out, state

    def _run_packed(self, packed: PackedSequence, hx: Any) -> Any:
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        self.check_input(data, batch_sizes)
        batch = int(batch_sizes[0])
        if hx is None:
            state = self._starting_state(data, None, batch, True)
        else:
            state = self._each(hx, lambda s: _permuted(s, sorted_indices))
            self._check_states(state, batch)
        out, state = self._call(data, batch_sizes, state)
        made = PackedSequence(out, batch_sizes, sorted_indices, unsorted_indices)
        return made, self._each(state, lambda s: _permuted(s, unsorted_indices))

    def _starting_state(self, x: Tensor, hx: Any, batch: int, batched: bool) -> Any:
        if hx is None:
            size = self._state_size(batch, self.proj_size or self.hidden_size)
            return franken.zeros(size, dtype=x.dtype, device=x.device)
        self._check_rank(hx, batched)
        state = hx if batched else self._each(hx, lambda s: s.unsqueeze(1))
        self._check_states(state, batch)
        return state

    def _check_rank(self, hx: Any, batched: bool) -> None:
        if hx.dim() != (3 if batched else 2):
            kind, rank = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
            raise RuntimeError(
                f"For {kind} input, hx should also be {rank}-D but got {hx.dim()}-D tensor"
            )

    def _check_states(self, state: Any, batch: int) -> None:
        self._check_state(state, self._state_size(batch, self.proj_size or self.hidden_size))

    def _each(self, state: Any, fn: Any) -> Any:
        return fn(state)

    def _call(self, x: Tensor, batch_sizes: Any, state: Any) -> tuple[Any, Any]:
        run = getattr(franken, self.mode.lower())
        options = (self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
                   self.bidirectional)  # fmt: skip
        if batch_sizes is None:
            got = run(x, state, *options, self.batch_first)
        else:
            got = run(x, batch_sizes, state, *options)
        return got[0], (got[1] if len(got) == 2 else tuple(got[1:]))

    def extra_repr(self) -> str:
        """The sizes and the options that are not the default."""
        s = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            s += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            s += f", num_layers={self.num_layers}"
        if self.bias is not True:
            s += f", bias={self.bias}"
        if self.batch_first is not False:
            s += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            s += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            s += f", bidirectional={self.bidirectional}"
        return s


def _permuted(state: Tensor, order: Tensor | None) -> Tensor:
    return state if order is None else state.index_select(1, order)


def _check_options(dropout: Any, num_layers: int, hidden_size: Any, proj_size: int) -> None:
    number: Any = numbers.Number  # which has no order of its own
    if not isinstance(dropout, number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )
    if not isinstance(hidden_size, int):
        raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
    if hidden_size <= 0:
        raise ValueError("hidden_size must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """h' = tanh or relu(W_ih x + b_ih + W_hh h + b_hh) along a sequence.

    >>> import franken as torch
    >>> out, h = torch.nn.RNN(10, 20, 2)(torch.randn(5, 3, 10))
    >>> out.shape, h.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self_nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self_nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self_nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self_nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self_nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = self_nonlinearity


class LSTM(RNNBase):
    """Long short-term memory along a sequence; the state is (h, c).

    >>> import franken as torch
    >>> out, (h, c) = torch.nn.LSTM(10, 20, 2)(torch.randn(5, 3, 10))
    >>> out.shape, c.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _starting_state(self, x: Tensor, hx: Any, batch: int, batched: bool) -> Any:
        if hx is None:
            made: dict[str, Any] = {"dtype": x.dtype, "device": x.device}
            h = franken.zeros(self._state_size(batch, self.proj_size or self.hidden_size), **made)
            return h, franken.zeros(self._state_size(batch, self.hidden_size), **made)
        return super()._starting_state(x, hx, batch, batched)

    def _check_rank(self, hx: Any, batched: bool) -> None:
        if batched and (hx[0].dim() != 3 or hx[1].dim() != 3):
            raise RuntimeError(
                "For batched 3-D input, hx and cx should also be 3-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        if not batched and (hx[0].dim() != 2 or hx[1].dim() != 2):
            raise RuntimeError(
                "For unbatched 2-D input, hx and cx should also be 2-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )

    def _check_states(self, state: Any, batch: int) -> None:
        width = self.proj_size or self.hidden_size
        self._check_state(state[0], self._state_size(batch, width), "hidden[0]")
        self._check_state(state[1], self._state_size(batch, self.hidden_size), "hidden[1]")

    def _each(self, state: Any, fn: Any) -> Any:
        return fn(state[0]), fn(state[1])


class GRU(RNNBase):
    """Gated recurrent unit along a sequence.

    >>> import franken as torch
    >>> out, h = torch.nn.GRU(10, 20, bidirectional=True)(torch.randn(5, 3, 10))
    >>> out.shape, h.shape
    (torch.Size([5, 3, 40]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """The parameters of one step."""

    __constants__ = ["input_size", "hidden_size", "bias"]
    nonlinearity: str

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        made = factory(device, dtype)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(franken.empty((rows, input_size), **made))
        self.weight_hh = Parameter(franken.empty((rows, hidden_size), **made))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(franken.empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw everything uniformly within 1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes and the options that are not the default."""
        s = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            s += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            s += f", nonlinearity={self.nonlinearity}"
        return s

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _check(self, input: Tensor, *states: Any) -> bool:
        """Whether there is a batch; raise for other ranks."""
        name = self._get_name()
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, state in enumerate(states):
            if state is not None and state.dim() not in (1, 2):
                which = "hidden" if len(states) == 1 else f"hx[{i}]"
                raise ValueError(
                    f"{name}: Expected {which} to be 1D or 2D, got {state.dim()}D instead"
                )
        return input.dim() == 2

    def _zeros(self, x: Tensor) -> Tensor:
        return franken.zeros(x.size(0), self.hidden_size, dtype=x.dtype, device=x.device)

    def _single(self, step: Any, input: Tensor, hx: Tensor | None) -> Tensor:
        batched = self._check(input, hx)
        x = input if batched else input.unsqueeze(0)
        h = self._zeros(x) if hx is None else (hx if batched else hx.unsqueeze(0))
        out = step(x, h, *self._weights())
        return out if batched else out.squeeze(0)


class RNNCell(RNNCellBase):
    """One step of RNN: (N, H_in), (N, H) -> (N, H).

    >>> import franken as torch
    >>> torch.nn.RNNCell(10, 20)(torch.randn(3, 10)).shape
    torch.Size([3, 20])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(N, H_in), (N, H) -> (N, H)."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._single(getattr(franken, f"rnn_{self.nonlinearity}_cell"), input, hx)


class LSTMCell(RNNCellBase):
    """One step of LSTM: (N, H_in), ((N, H), (N, H)) -> (N, H), (N, H).

    >>> import franken as torch
    >>> h, c = torch.nn.LSTMCell(10, 20)(torch.randn(3, 10))
    >>> h.shape
    torch.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        """(N, H_in), ((N, H), (N, H)) -> (N, H), (N, H)."""
        batched = self._check(input, *(hx if hx is not None else (None, None)))
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            state = (self._zeros(x), self._zeros(x))
        else:
            state = hx if batched else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = franken.lstm_cell(x, state, *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of GRU: (N, H_in), (N, H) -> (N, H).

    >>> import franken as torch
    >>> torch.nn.GRUCell(10, 20)(torch.randn(3, 10)).shape
    torch.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(N, H_in), (N, H) -> (N, H)."""
        return self._single(franken.gru_cell, input, hx)


__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]
