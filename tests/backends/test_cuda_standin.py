"""The GPU backend on a stand-in for CuPy: same results, no host array, no silent fallback.

The stand-in (standin.py) refuses NumPy arrays and counts launches, so that these tests say which
library computed. They cannot say that CuPy itself agrees: that needs a GPU.
"""

from __future__ import annotations

import numpy as np
import pytest

import franken
import franken.cuda
import franken.nn.functional as F
from franken import randn
from franken.backends import registry
from franken.core.errors import MissingKernel
from franken.core.primitive import PRIMITIVES, Primitive
from tests.backends import standin


@pytest.fixture
def gpu():
    module = standin.StandIn()
    before = registry.install(module)
    standin.COUNTS.clear()
    try:
        yield module
    finally:
        registry.install(before)
        registry.forget_kernels(PRIMITIVES.values())


def train(where, steps=4):
    """A small network's training; returns parameters and losses on the host."""
    franken.manual_seed(0)
    w1, b1 = (
        franken.randn(4, 8).to(where).requires_grad_(),
        franken.zeros(8).to(where).requires_grad_(),
    )
    w2 = franken.randn(8, 2).to(where).requires_grad_()
    x, y = franken.randn(16, 4).to(where), franken.randn(16, 2).to(where)
    losses = []
    for _ in range(steps):
        out = franken.tanh(x @ w1 + b1) @ w2
        loss = ((out - y) ** 2).mean()
        loss.backward()
        with franken.no_grad():
            for p in (w1, b1, w2):
                p -= 0.1 * p.grad
                p.grad = None
        losses.append(loss.item())
    return [p.detach().cpu().numpy() for p in (w1, b1, w2)], losses


def test_training_equals_the_cpus_bit_for_bit(gpu):
    ours, losses = train("cuda:0")
    assert standin.COUNTS["matmul"] >= 4 * 4  # forward and backward ran on the stand-in
    expected, expected_losses = train("cpu")
    assert losses == expected_losses
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(a, b)


LAYERS = {
    "conv": lambda d: F.conv2d(randn(2, 2, 8, 8).to(d), randn(3, 2, 3, 3).to(d).requires_grad_()),
    "max_pool": lambda d: F.max_pool2d(randn(2, 2, 8, 8).to(d).requires_grad_(), 2),
    "layer_norm": lambda d: F.layer_norm(randn(2, 8).to(d).requires_grad_(), (8,)),
    "batch_norm": lambda d: F.batch_norm(
        randn(4, 3).to(d).requires_grad_(), None, None, training=True
    ),
    "cross_entropy": lambda d: F.cross_entropy(
        randn(4, 3).to(d).requires_grad_(), franken.tensor([0, 2, 1, 1]).to(d)
    ),
    "embedding": lambda d: F.embedding(
        franken.tensor([1, 3, 1]).to(d), randn(5, 2).to(d).requires_grad_()
    ),
    "gelu": lambda d: F.gelu(randn(4).to(d).requires_grad_()),
    "attention": lambda d: F.scaled_dot_product_attention(
        *[randn(1, 2, 4, 8).to(d).requires_grad_() for _ in range(3)]
    ),
    "sort": lambda d: randn(4, 5).to(d).requires_grad_().sort(-1)[0],
    "index": lambda d: randn(4, 5).to(d).requires_grad_()[franken.tensor([0, 2, 2]).to(d)],
    "lgamma": lambda d: franken.lgamma(randn(4).abs().to(d).requires_grad_()),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_their_gradients_stay_on_the_device(gpu, name):
    franken.manual_seed(1)
    expected = LAYERS[name]("cpu")
    franken.manual_seed(1)
    out = LAYERS[name]("cuda")
    standin.COUNTS.clear()
    out.sum().backward()
    assert not {"upload", "download"} & set(standin.COUNTS)
    np.testing.assert_allclose(out.detach().cpu().numpy(), expected.detach().numpy(), rtol=1e-6)


def test_only_asked_for_transfers_happen(gpu):
    x = franken.ones(4, 4, device="cuda")
    standin.COUNTS.clear()
    y = franken.softmax(x @ x.t() + 1, -1).sum(0)
    (y * 2 + x[0]).relu().cumsum(0)
    assert not {"upload", "download"} & set(standin.COUNTS)
    assert isinstance(y._a, standin.ndarray)
    assert y.device == franken.device("cuda:0")


def test_mixing_devices_is_refused_in_torchs_words(gpu):
    with pytest.raises(
        RuntimeError, match="Expected all tensors to be on the same device, but found"
    ):
        franken.ones(2, device="cuda") + franken.ones(2)
    assert (franken.ones(2, device="cuda") * franken.tensor(3.0)).tolist() == [3, 3]  # 0-dim moves


def test_a_missing_kernel_is_said_with_op_device_and_dtype(gpu):
    def on_host(x):
        return np.lib.stride_tricks.as_strided(x)

    on_host.__module__ = "franken.ops.made_for_this_test"
    prim = Primitive("needs_the_host", ("x",), on_host).not_differentiable()
    try:
        with pytest.raises(
            MissingKernel, match='"needs_the_host" not implemented for float32 on cuda'
        ):
            prim(franken.ones(2, device="cuda"))
    finally:
        del PRIMITIVES["needs_the_host"]


def test_a_kernel_that_goes_through_host_memory_is_caught(gpu):
    table = np.arange(3.0)

    def mixes(x):
        return x + table

    mixes.__module__ = "franken.ops.made_for_this_test"
    prim = Primitive("mixes_memory", ("x",), mixes).not_differentiable()
    try:
        with pytest.raises(MissingKernel, match="mixes in host memory"):
            prim(franken.ones(3, device="cuda"))
    finally:
        del PRIMITIVES["mixes_memory"]


def test_an_explicit_kernel_wins_over_the_name(gpu):
    prim = Primitive("has_its_own", ("x",), np.negative).not_differentiable()
    prim.kernel("cuda", lambda x: x * 0 + 7)
    try:
        assert prim(franken.ones(2, device="cuda")).tolist() == [7, 7]
        assert prim(franken.ones(2)).tolist() == [-1, -1]
    finally:
        del PRIMITIVES["has_its_own"]


def test_gradients_travel_back_to_their_device(gpu):
    x = franken.ones(3, requires_grad=True)
    (x.cuda() * franken.tensor([1.0, 2, 3], device="cuda")).sum().backward()
    assert x.grad.device.type == "cpu"
    assert x.grad.tolist() == [1, 2, 3]


def test_views_and_changes_in_place(gpu):
    x = franken.zeros(3, 4, device="cuda")
    x[1].add_(1)
    x.t()[2] = 5
    assert x.tolist() == [[0, 0, 5, 0], [1, 1, 5, 1], [0, 0, 5, 0]]
    assert x.is_cuda
    assert x.get_device() == 0
    assert "device='cuda:0'" in repr(x)


def test_halves_are_computed_in_float32(gpu):
    x = franken.full((3,), 0.1, dtype=franken.bfloat16, device="cuda")
    expected = franken.exp(x.cpu())
    assert franken.exp(x).cpu().tolist() == expected.tolist()


def test_guards_put_the_device_back(gpu):
    runtime = gpu.cuda.runtime
    with franken.cuda.device(1):
        assert franken.cuda.current_device() == 1
        assert franken.ones(1, device="cuda").device.index == 1
    assert runtime.current == 0
    with pytest.raises(KeyError), franken.cuda.device(1):
        raise KeyError
    assert runtime.current == 0
    franken.cuda.set_device(1)
    assert franken.cuda.current_device() == 1
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        franken.cuda.set_device(5)


def test_streams_and_events(gpu):
    s = franken.cuda.Stream()
    assert s.raw.non_blocking  # as torch's: it does not wait for the default stream
    assert franken.cuda.get_device_properties(0).warp_size == 32
    with franken.cuda.stream(s):
        assert franken.cuda.current_stream() == s
    assert franken.cuda.current_stream() == franken.cuda.default_stream()
    event = s.record_event()
    event.synchronize()
    assert event.query()
    with pytest.raises(KeyError), franken.cuda.stream(s):
        raise KeyError
    assert franken.cuda.current_stream() == franken.cuda.default_stream()


def test_random_streams_follow_the_seed(gpu):
    franken.manual_seed(4)
    a = [franken.rand(3, device="cuda").tolist(), franken.randn(20, device="cuda").tolist()]
    state = franken.cuda.get_rng_state()
    b = franken.randperm(5, device="cuda").tolist()
    franken.manual_seed(4)
    assert a == [franken.rand(3, device="cuda").tolist(), franken.randn(20, device="cuda").tolist()]
    franken.cuda.set_rng_state(state)
    assert franken.randperm(5, device="cuda").tolist() == b
    assert sorted(b) == list(range(5))
    x = franken.empty(1000, device="cuda").exponential_(2.0)
    assert 0.4 < x.mean().item() < 0.6
    assert set(franken.bernoulli(franken.full((50,), 0.5, device="cuda")).tolist()) == {0.0, 1.0}
    with pytest.raises(MissingKernel, match='"poisson" not implemented'):
        franken.poisson(x)


def test_properties(gpu):
    assert franken.cuda.is_available()
    assert franken.cuda.device_count() == 2
    assert franken.cuda.get_device_name() == "Stand-in"
    assert franken.cuda.get_device_capability() == (9, 0)
    assert franken.cuda.memory_allocated() == 64
    franken.cuda.synchronize()
    assert standin.COUNTS["synchronize"] == 1


def test_without_a_gpu_nothing_pretends():
    if registry.cuda_available():
        pytest.skip("this machine has a GPU")
    assert not franken.cuda.is_available()
    assert franken.cuda.device_count() == 0
    assert franken.cuda.memory_allocated() == 0
    franken.cuda.manual_seed_all(3)
    franken.cuda.empty_cache()
    for call in (
        lambda: franken.ones(1).cuda(),
        lambda: franken.zeros(1, device="cuda:0"),
        franken.cuda.current_device,
        franken.cuda.Stream,
        lambda: franken.Generator("cuda"),
    ):
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            call()
        with pytest.raises(RuntimeError):
            call()


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_one_optimizer_steps_parameters_on_two_devices(gpu, name):
    def steps(where):
        params = [franken.ones(3).requires_grad_(), franken.ones(()).requires_grad_()]
        params += [franken.ones(2, 2).to(where).requires_grad_()]
        optimizer = getattr(franken.optim, name)(params, lr=0.1)
        for _ in range(3):
            for p in params:
                p.grad = franken.full_like(p.detach(), 0.5)
            optimizer.step()
        return [p.detach().cpu().numpy() for p in params]

    for mine, theirs in zip(steps("cuda:0"), steps("cpu"), strict=True):
        assert mine.tobytes() == theirs.tobytes() and (mine != 1).all()


def test_a_step_on_a_gpu_is_recorded_and_replayed(gpu):
    from franken.autograd.record import record
    from franken.autograd.replay import replay

    w = franken.ones(3, 2).to("cuda:0").requires_grad_()
    x = franken.arange(6.0).reshape(2, 3).to("cuda:0")
    optimizer = franken.optim.SGD([w], lr=0.1, momentum=0.9)
    with record(level=3) as rec:
        (x @ w).tanh().sum().backward()
        optimizer.step()
        x[0].mul_(2)
        x * 1
    assert len(rec.leaves) == 2 and not rec.unseen
    report = replay(rec, "cpu")
    assert report.ok, str(report)
