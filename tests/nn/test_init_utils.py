"""nn.init and nn.utils beside torch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

FILLS = {
    "uniform_": lambda i, t: i.uniform_(t, -2, 3),
    "normal_": lambda i, t: i.normal_(t, 1, 2),
    "trunc_normal_": lambda i, t: i.trunc_normal_(t, 0.1, 0.7, -1, 1),
    "trunc_normal_ in the tail": lambda i, t: i.trunc_normal_(t, 0.1, 0.7, 1, 3),
    "constant_": lambda i, t: i.constant_(t, 0.3),
    "ones_": lambda i, t: i.ones_(t),
    "zeros_": lambda i, t: i.zeros_(t),
    "eye_": lambda i, t: i.eye_(t[:, :, 0]),
    "dirac_": lambda i, t: i.dirac_(t, 2),
    "xavier_uniform_": lambda i, t: i.xavier_uniform_(t, 1.5),
    "xavier_normal_": lambda i, t: i.xavier_normal_(t),
    "kaiming_uniform_": lambda i, t: i.kaiming_uniform_(t, 0.2, "fan_out"),
    "kaiming_normal_": lambda i, t: i.kaiming_normal_(t, nonlinearity="relu"),
    "sparse_": lambda i, t: i.sparse_(t[:, :, 0], 0.5),
}


@pytest.mark.parametrize("name", FILLS)
def test_fills(name: str) -> None:
    got = []
    for lib in (franken, torch):
        lib.manual_seed(5)
        t = lib.zeros(4, 5, 3)
        FILLS[name](lib.nn.init, t)
        got.append(t.numpy())
    np.testing.assert_array_equal(*got)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 2, 2)])
def test_orthogonal(shape: Any) -> None:
    got = []
    for lib in (franken, torch):
        lib.manual_seed(5)
        got.append(lib.nn.init.orthogonal_(lib.empty(*shape), 0.5).numpy())
    np.testing.assert_allclose(*got, atol=1e-6)


def test_gains_and_fans() -> None:
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert franken.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert franken.nn.init._calculate_fan_in_and_fan_out(franken.empty(2, 3, 4)) == (12, 8)
    with pytest.raises(ValueError, match="Unsupported nonlinearity foo"):
        franken.nn.init.calculate_gain("foo")


def model(lib: Any) -> Any:
    lib.manual_seed(1)
    m = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2))
    (m(lib.ones(2, 3)) ** 2).sum().backward()
    return m


@pytest.mark.parametrize("options", [{}, {"norm_type": 1.0}, {"norm_type": float("inf")}])
def test_clipping(options: dict[str, Any]) -> None:
    got = []
    for lib in (franken, torch):
        m = model(lib)
        total = lib.nn.utils.clip_grad_norm_(m.parameters(), 0.5, **options)
        lib.nn.utils.clip_grad_value_(m.parameters(), 0.1)
        got.append([total.item(), *(p.grad.numpy() for p in m.parameters())])
    for a, b in zip(*got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    p = franken.nn.Parameter(franken.ones(1))
    p.grad = franken.tensor([float("nan")])
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        franken.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)


def test_vectors() -> None:
    m = model(franken)
    v = franken.nn.utils.parameters_to_vector(m.parameters())
    assert v.shape == (26,)
    franken.nn.utils.vector_to_parameters(v * 2, m.parameters())
    np.testing.assert_array_equal(
        franken.nn.utils.parameters_to_vector(m.parameters()).detach().numpy(),
        (v * 2).detach().numpy(),
    )


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_norm_parametrizations(kind: str, old: bool) -> None:
    got = []
    for lib in (franken, torch):
        lib.manual_seed(2)
        m = lib.nn.Conv1d(3, 4, 2)
        where = lib.nn.utils if old else lib.nn.utils.parametrizations
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(where, kind)(m)
        outs = []
        for _ in range(2):
            m.zero_grad()
            out = m(lib.ones(1, 3, 5))
            (out**2).sum().backward()
            outs.append(out.detach().numpy())
        got.append((list(m.state_dict()), outs + [p.grad.numpy() for p in m.parameters()], repr(m)))
        if old:
            getattr(where, f"remove_{kind}")(m)
            assert list(m.state_dict()) == ["bias", "weight"]
    assert got[0][0] == got[1][0]
    assert got[0][2] == got[1][2]
    for a, b in zip(got[0][1], got[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_parametrize() -> None:
    seen = []
    for lib in (franken, torch):
        utils = lib.nn.utils.parametrize

        class Double(lib.nn.Module):
            def forward(self, x: Any) -> Any:
                return x * 2

            def right_inverse(self, x: Any) -> Any:
                return x / 2

        lib.manual_seed(0)
        m = lib.nn.Linear(2, 2)
        before = m.weight.detach().numpy().copy()
        utils.register_parametrization(m, "weight", Double())
        utils.register_parametrization(m, "weight", Double())
        np.testing.assert_allclose(m.weight.detach().numpy(), 2 * before)
        log = [repr(m), list(m.state_dict()), utils.is_parametrized(m, "weight"), type(m).__name__]
        m.weight = lib.ones(2, 2)
        log += [m.parametrizations.weight.original.tolist(), m.weight.tolist()]
        with utils.cached():
            log.append(m.weight is m.weight)
        utils.remove_parametrizations(m, "weight")
        log += [repr(m), list(m.state_dict()), m.weight.tolist()]
        seen.append(log)
    assert seen[0] == seen[1]


def test_packed_sequences() -> None:
    seen = []
    for lib in (franken, torch):
        rnn = lib.nn.utils.rnn
        seqs = [lib.arange(n).float().reshape(n, 1) + 10 * n for n in (2, 4, 1)]
        padded = rnn.pad_sequence(seqs, batch_first=True, padding_value=-1.0)
        left = rnn.pad_sequence(seqs, padding_side="left")
        packed = rnn.pack_padded_sequence(padded, [2, 4, 1], batch_first=True, enforce_sorted=False)
        back, lengths = rnn.pad_packed_sequence(packed, batch_first=True, total_length=5)
        seen.append([
            padded.tolist(), left.tolist(), packed.data.tolist(), packed.batch_sizes.tolist(),
            packed.sorted_indices.tolist(), packed.unsorted_indices.tolist(), back.tolist(),
            lengths.tolist(), [s.tolist() for s in rnn.unpack_sequence(packed)],
        ])  # fmt: skip
    assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_networks_on_packed_sequences(kind: str) -> None:
    got = []
    for lib in (franken, torch):
        lib.manual_seed(3)
        net = getattr(lib.nn, kind)(3, 4, 2, bidirectional=True)
        draw = np.random.default_rng(0)
        seqs = [lib.tensor(draw.standard_normal((n, 3)).astype("float32")) for n in (2, 5, 3)]
        packed = lib.nn.utils.rnn.pack_sequence(seqs, enforce_sorted=False)
        out, state = net(packed)
        out.data.sum().backward()
        states = state if isinstance(state, tuple) else (state,)
        got.append([out.data, *states, *(p.grad for p in net.parameters())])
    for a, b in zip(*got, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_fusion() -> None:
    for conv, norm in (
        (franken.nn.Conv2d(2, 3, 2), franken.nn.BatchNorm2d(3)),
        (franken.nn.Linear(4, 3), franken.nn.BatchNorm1d(3)),
    ):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(1, 2)
        conv.eval()
        norm.eval()
        x = (
            franken.randn(2, 2, 4, 4)
            if isinstance(conv, franken.nn.Conv2d)
            else franken.randn(2, 4)
        )
        fuse = (
            franken.nn.utils.fuse_conv_bn_eval
            if x.dim() == 4
            else franken.nn.utils.fuse_linear_bn_eval
        )
        np.testing.assert_allclose(
            fuse(conv, norm)(x).detach().numpy(), norm(conv(x)).detach().numpy(), atol=1e-5
        )
