"""The CPU stream and its samplers draw torch's numbers, bit for bit, and leave torch's state."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.backends.numpy.random import distributions as rd
from franken.backends.numpy.random import formulas as rm
from franken.backends.numpy.random import sequential as rs
from franken.backends.numpy.random import twister as rng

torch = pytest.importorskip("torch")

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = {
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "float16": np.dtype(np.float16),
    "bfloat16": BF16,
}
INTEGERS = ("uint8", "int8", "int16", "int32", "int64", "bool")
SIZES = (0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1000)
SEEDS = (0, 1, 42, 2**32 + 7, -1)


def bits(x: Any) -> np.ndarray:
    """Return the bit patterns of an array or torch tensor, so that -0.0 and NaN count too."""
    if isinstance(x, torch.Tensor):
        x = x.contiguous()
        x = x.view(torch.int16).numpy() if x.dtype == torch.bfloat16 else x.numpy()
    x = np.ascontiguousarray(x)
    kind = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.uint64}[x.itemsize]
    return x.view(kind)


def both(seed: int) -> tuple[rng.Generator, Any]:
    return rng.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def check(ours: Callable[..., Any], theirs: Callable[..., Any], seed: int = 5) -> None:
    """Compare the bits of one draw and the whole generator state after it."""
    mine, oracle = both(seed)
    got, expected = ours(mine), theirs(oracle)
    assert tuple(got.shape) == tuple(expected.shape)
    np.testing.assert_array_equal(bits(got), bits(expected))
    np.testing.assert_array_equal(mine.get_state(), oracle.get_state().numpy())


def empty(n: Any, name: str) -> Any:
    return torch.empty(n, dtype=getattr(torch, name))


@pytest.fixture
def generator() -> rng.Generator:
    return rng.Generator().manual_seed(5)


# ---------------------------------------------------------------- generator and state


@given(st.integers(-(2**63), 2**64 - 1), st.integers(0, 1500))
def test_words_and_state_equal_torch_for_any_seed_and_count(seed: int, n: int) -> None:
    mine, oracle = both(seed)
    drawn = mine.words(n)
    expected = torch.empty(n, dtype=torch.int32).random_(generator=oracle).numpy()
    np.testing.assert_array_equal((drawn & 0x7FFFFFFF).astype(np.int32), expected)
    assert mine.initial_seed() == oracle.initial_seed()
    np.testing.assert_array_equal(mine.get_state(), oracle.get_state().numpy())


@pytest.mark.parametrize("n", [0, 1, 3, 623, 624, 625, 1248, 2000])
def test_state_bytes_travel_both_ways(n: int) -> None:
    mine, oracle = both(9)
    torch.randn(n, generator=oracle)
    mine.set_state(oracle.get_state().numpy())
    np.testing.assert_array_equal(mine.get_state(), oracle.get_state().numpy())
    back = torch.Generator()
    back.set_state(torch.from_numpy(mine.get_state()))
    np.testing.assert_array_equal(bits(rd.normal(mine, (7,))), bits(torch.randn(7, generator=back)))
    np.testing.assert_array_equal(mine.get_state(), back.get_state().numpy())


def test_fresh_generator_has_torchs_default_seed_and_state() -> None:
    np.testing.assert_array_equal(
        rng.Generator().get_state(), torch.Generator().get_state().numpy()
    )


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range_raises_as_torch(seed: int) -> None:
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        torch.Generator().manual_seed(seed)
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        rng.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [1.5, "a", None, True])
def test_seed_of_wrong_type_raises_as_torch(seed: Any) -> None:
    with pytest.raises(RuntimeError, match="manual_seed expected a long, but got") as expected:
        torch.Generator().manual_seed(seed)
    with pytest.raises(RuntimeError) as got:
        rng.Generator().manual_seed(seed)
    assert str(expected.value).startswith(str(got.value))


def test_bad_states_raise_as_torch() -> None:
    good = torch.Generator().manual_seed(3).get_state().numpy()
    broken = [good[:5000].copy(), np.zeros(5056, np.uint8)]
    for position, value in ((8, 0), (12, 0), (18, 1)):
        state = good.copy()
        state[position] = value
        broken.append(state)
    for state in broken:
        with pytest.raises(RuntimeError) as expected:
            torch.Generator().set_state(torch.from_numpy(state))
        with pytest.raises(RuntimeError) as got:
            rng.Generator().set_state(state)
        assert str(got.value) == str(expected.value)
    with pytest.raises(TypeError, match="must be a torch.ByteTensor"):
        rng.Generator().set_state(np.zeros(5056, np.float32))


def test_clone_fork_and_global_seed(generator: rng.Generator) -> None:
    clone = generator.clone_state()
    np.testing.assert_array_equal(clone.words(700), generator.words(700))
    before = generator.get_state()
    with rng.fork(generator) as inner:
        inner.words(10)
    np.testing.assert_array_equal(generator.get_state(), before)
    assert rng.manual_seed(11) is rng.default_generator
    assert rng.default_generator.initial_seed() == 11
    first, second = generator.seed(), generator.seed()
    assert first != second and generator.initial_seed() == second


def test_threads_share_a_stream_without_loss_or_repeat(generator: rng.Generator) -> None:
    parts: list[np.ndarray] = []
    workers = [
        threading.Thread(target=lambda: parts.append(generator.words64(1000))) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    whole = rng.Generator().manual_seed(5).words64(8000)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.sort(whole))


# ---------------------------------------------------------------- uniform and normal


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("n", SIZES)
def test_rand_and_randn_equal_torch(name: str, n: int) -> None:
    for seed in SEEDS:
        check(
            lambda g: rd.uniform(g, (n,), FLOATS[name]),
            lambda g: torch.rand(n, dtype=getattr(torch, name), generator=g),
            seed,
        )
        check(
            lambda g: rd.normal(g, (n,), FLOATS[name]),
            lambda g: torch.randn(n, dtype=getattr(torch, name), generator=g),
            seed,
        )


@given(st.sampled_from(sorted(FLOATS)), st.integers(0, 400), st.integers(-(2**63), 2**64 - 1))
def test_randn_equals_torch_for_any_size_and_seed(name: str, n: int, seed: int) -> None:
    check(
        lambda g: rd.normal(g, (n,), FLOATS[name]),
        lambda g: torch.randn(n, dtype=getattr(torch, name), generator=g),
        seed,
    )


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("low, high", [(-3, 7), (0.1, 0.3), (1, 3), (-math.pi, math.pi), (2, 2)])
def test_uniform_bounds_equal_torch(name: str, low: float, high: float) -> None:
    check(
        lambda g: rd.uniform(g, (20011,), FLOATS[name], low, high),
        lambda g: empty(20011, name).uniform_(low, high, generator=g),
    )


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("mean, std", [(0.3, 1.7), (0.0, 0.02), (-5.0, 1.0), (2.0, 0.0)])
@pytest.mark.parametrize("n", [5, 16, 20011])
def test_normal_mean_and_std_equal_torch(name: str, mean: float, std: float, n: int) -> None:
    check(
        lambda g: rd.normal(g, (n,), FLOATS[name], mean, std),
        lambda g: empty(n, name).normal_(mean, std, generator=g),
    )


def test_blocks_of_float32_normals_equal_torch_on_a_million() -> None:
    check(lambda g: rd.normal(g, (1000, 1003)), lambda g: torch.randn(1000, 1003, generator=g))


def test_waiting_normal_of_a_pair_is_shared_between_draws() -> None:
    def draws(randn: Callable[[int], Any], rand: Callable[[int], Any]) -> list[Any]:
        return [randn(3), rand(2), randn(20), randn(1), randn(2), randn(0), randn(5)]

    mine, oracle = both(3)
    ours = draws(lambda n: rd.normal(mine, (n,)), lambda n: rd.uniform(mine, (n,)))
    theirs = draws(
        lambda n: torch.randn(n, generator=oracle), lambda n: torch.rand(n, generator=oracle)
    )
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(bits(got), bits(expected))
    np.testing.assert_array_equal(mine.get_state(), oracle.get_state().numpy())


@pytest.mark.parametrize("shape", [(4, 6), (3, 5), (30, 20)])
def test_strided_tensors_are_filled_in_memory_order(shape: tuple[int, int]) -> None:
    check(
        lambda g: rd.normal(g, shape, contiguous=False),
        lambda g: torch.empty(shape).t().normal_(generator=g).t(),
    )
    check(
        lambda g: rd.uniform(g, shape),
        lambda g: torch.empty(shape).t().uniform_(generator=g).t(),
    )


@pytest.mark.parametrize("name", ["complex64", "complex128"])
@pytest.mark.parametrize("n", [3, 7, 8, 40])
def test_complex_draws_equal_torch(name: str, n: int) -> None:
    dtype = getattr(torch, name)
    check(lambda g: rd.normal(g, (n,), name), lambda g: torch.randn(n, dtype=dtype, generator=g))
    check(
        lambda g: rd.normal(g, (n,), name, 0.5, 2.0),
        lambda g: empty(n, name).normal_(0.5, 2.0, generator=g),
    )
    check(lambda g: rd.uniform(g, (n,), name), lambda g: torch.rand(n, dtype=dtype, generator=g))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("n", [5, 50])
def test_normal_of_tensors_equals_torch(name: str, n: int) -> None:
    mean = np.linspace(-2, 3, n).astype(FLOATS[name])
    std = np.linspace(0, 2, n).astype(FLOATS[name])
    m = torch.from_numpy(mean.astype(np.float64)).to(getattr(torch, name))
    s = torch.from_numpy(std.astype(np.float64)).to(getattr(torch, name))
    check(lambda g: rd.normal_tensor(g, mean, std), lambda g: torch.normal(m, s, generator=g))
    check(lambda g: rd.normal_tensor(g, mean, 1.7), lambda g: torch.normal(m, 1.7, generator=g))
    check(lambda g: rd.normal_tensor(g, 0.3, std), lambda g: torch.normal(0.3, s, generator=g))


# ---------------------------------------------------------------- other continuous samplers

INVERSE: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exponential": (
        lambda g, n, d: rd.exponential(g, n, d, 2.5),
        lambda g, t: t.exponential_(2.5, generator=g),
    ),
    "geometric": (
        lambda g, n, d: rd.geometric(g, n, d, 0.1),
        lambda g, t: t.geometric_(0.1, generator=g),
    ),
    "cauchy": (
        lambda g, n, d: rd.cauchy(g, n, d, 0.3, 1.7),
        lambda g, t: t.cauchy_(0.3, 1.7, generator=g),
    ),
    "log_normal": (
        lambda g, n, d: rd.log_normal(g, n, d, 0.3, 1.7),
        lambda g, t: t.log_normal_(0.3, 1.7, generator=g),
    ),
}


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("sampler", INVERSE)
@pytest.mark.parametrize("n", [1, 15, 16, 17, 30011])
def test_inverse_transforms_equal_torch(sampler: str, name: str, n: int) -> None:
    ours, theirs = INVERSE[sampler]
    check(lambda g: ours(g, (n,), FLOATS[name]), lambda g: theirs(g, empty(n, name)))


def place(values: list[float]) -> np.ndarray:
    """Return a generator state whose next doubles are the given multiples of 2**-53."""
    w = np.zeros(624, np.uint32)
    for i, value in enumerate(values):
        w[1 + 2 * i], w[2 + 2 * i] = divmod(int(value * 2**53), 2**32)
    key = w ^ (w >> np.uint32(18))  # undo the twister's output tempering
    key ^= (key << np.uint32(15)) & np.uint32(0xEFC60000)
    x = key.copy()
    for _ in range(5):
        x = key ^ ((x << np.uint32(7)) & np.uint32(0x9D2C5680))
    key, y = x, x.copy()
    for _ in range(3):
        y = key ^ (y >> np.uint32(11))
    record = np.frombuffer(torch.Generator().get_state().numpy().tobytes(), rng._STATE).copy()
    record["left"], record["next"], record["key"] = 624, 1, y
    return np.frombuffer(record.tobytes(), np.uint8).copy()


EDGES = [0.0, 2**-53, 2**-52, 1 - 2**-53, 1 - 2**-52, 1 - 2**-30, 0.5, 1 - 2**-25, 1 - 2**-24, 0.25]


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("sampler", INVERSE)
def test_extreme_uniforms_equal_torch(sampler: str, name: str) -> None:
    mine, oracle = both(0)
    state = place(EDGES)
    mine.set_state(state)
    oracle.set_state(torch.from_numpy(state))
    ours, theirs = INVERSE[sampler]
    got = ours(mine, (len(EDGES),), FLOATS[name])
    np.testing.assert_array_equal(bits(got), bits(theirs(oracle, empty(len(EDGES), name))))


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "int64"])
def test_geometric_integers_equal_torch(name: str) -> None:
    mine, oracle = both(0)
    state = place(EDGES)
    mine.set_state(state)
    oracle.set_state(torch.from_numpy(state))
    got = rd.geometric(mine, (len(EDGES),), name, 0.05)
    expected = empty(len(EDGES), name).geometric_(0.05, generator=oracle)
    np.testing.assert_array_equal(got, expected.numpy())


# ---------------------------------------------------------------- integers

RANGES = [(0, 2), (-5, 100), (0, 127), (-(2**20), 2**24 + 5), (0, 2**28 - 1), (0, 2**28),
          (-(2**31), 2**31 - 1), (0, 2**32), (0, 2**53 + 10), (-(2**63), 2**63 - 1)]  # fmt: skip


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize("low, high", RANGES)
def test_randint_values_and_errors_equal_torch(name: str, low: int, high: int) -> None:
    dtype = FLOATS.get(name, np.dtype(name if name != "bool" else np.bool_))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces imprecise float ranges
        try:
            empty(1, name).random_(low, high)
        except RuntimeError as error:
            with pytest.raises(RuntimeError) as got:
                rd.randint(rng.Generator(), (1,), dtype, low, high)
            assert str(got.value) == str(error)
            return
        check(
            lambda g: rd.randint(g, (999,), dtype, low, high),
            lambda g: empty(999, name).random_(low, high, generator=g),
        )


@given(
    st.sampled_from(sorted(FLOATS)),
    st.integers(-40000, 40000),
    st.sampled_from([1, 2, 300, 5000, 20000]),
)
def test_float_integer_bounds_move_inwards_as_in_torch(name: str, low: int, span: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            empty(1, name).random_(low, low + span)
        except RuntimeError as error:
            with pytest.raises(RuntimeError) as got:
                rd.randint(rng.Generator(), (1,), FLOATS[name], low, low + span)
            assert str(got.value) == str(error)
            return
        check(
            lambda g: rd.randint(g, (50,), FLOATS[name], low, low + span),
            lambda g: empty(50, name).random_(low, low + span, generator=g),
        )


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_full_range_integers_equal_torch(name: str) -> None:
    dtype = FLOATS.get(name, np.dtype(name if name != "bool" else np.bool_))
    check(lambda g: rd.random_(g, (999,), dtype), lambda g: empty(999, name).random_(generator=g))


@pytest.mark.parametrize("low", [-(2**63), -7, 5])
def test_randint_without_upper_bound_equals_torch(low: int) -> None:
    check(
        lambda g: rd.randint(g, (99,), np.int64, low, None),
        lambda g: empty(99, "int64").random_(low, None, generator=g),
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 255, 1000, 4097, 4098, 70000, 300000])
def test_randperm_equals_torch(n: int) -> None:
    check(lambda g: rd.randperm(g, n), lambda g: torch.randperm(n, generator=g))


@pytest.mark.parametrize("name", ["uint8", "int16", "float16", "bfloat16", "float64"])
def test_randperm_dtypes_equal_torch(name: str) -> None:
    dtype = FLOATS.get(name, np.dtype(name if name not in FLOATS else "f4"))
    check(
        lambda g: rd.randperm(g, 255, dtype),
        lambda g: torch.randperm(255, dtype=getattr(torch, name), generator=g),
    )


# ---------------------------------------------------------------- coins


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_bernoulli_equals_torch(name: str, p: float) -> None:
    dtype = FLOATS.get(name, np.dtype(name if name != "bool" else np.bool_))
    check(
        lambda g: rd.bernoulli(g, p, (1001,), dtype),
        lambda g: empty(1001, name).bernoulli_(p, generator=g),
    )
    for kind, chance in FLOATS.items():
        chances = np.full(1001, p).astype(chance)
        tensor = torch.full((1001,), p, dtype=getattr(torch, kind))
        check(
            lambda g, chances=chances: rd.bernoulli(g, chances, None, dtype),
            lambda g, tensor=tensor: empty(1001, name).bernoulli_(tensor, generator=g),
        )


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_dropout_mask_equals_torch(p: float) -> None:
    mine, _ = both(5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        kept = torch.nn.functional.dropout(torch.ones(33, 77), p) != 0
        state = torch.get_rng_state().numpy()
    np.testing.assert_array_equal(rd.dropout_mask(mine, (33, 77), p), kept.numpy())
    np.testing.assert_array_equal(mine.get_state(), state)


@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16"])
def test_rrelu_slopes_equal_torch(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        x = -torch.ones(2001, dtype=getattr(torch, name))
        expected = -torch.nn.functional.rrelu(x, 0.1, 0.3, True)
    got = rd.rrelu_slopes(rng.Generator().manual_seed(5), 2001, FLOATS[name], 0.1, 0.3)
    np.testing.assert_array_equal(bits(got), bits(expected))


# ---------------------------------------------------------------- sequential samplers


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("top", [0.0, 1.0, 9.99, 60.0, 30000.0])
def test_poisson_equals_torch(name: str, top: float) -> None:
    rates = np.linspace(0, top, 701).astype(FLOATS[name])
    tensor = torch.from_numpy(rates.astype(np.float64)).to(getattr(torch, name))
    check(lambda g: rs.poisson(g, rates), lambda g: torch.poisson(tensor, generator=g))


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("n, p", [(5, 0.3), (5, 0.8), (100, 0.3), (100, 0.77), (10000, 0.01)])
def test_binomial_equals_torch(name: str, n: int, p: float) -> None:
    count, prob = np.full(501, n, name), np.full(501, p, name)
    check(
        lambda g: rs.binomial(g, count, prob),
        lambda g: torch.binomial(torch.from_numpy(count), torch.from_numpy(prob), generator=g),
    )


def test_binomial_mixed_and_degenerate_rows_equal_torch() -> None:
    count = np.array([7.0, -1.0, 5.0, 5.0, 2.5, 9.0, 400.0] * 20)
    prob = np.array([0.5, 0.5, 0.0, 1.5, 0.9, np.nan, 0.6] * 20)
    check(
        lambda g: rs.binomial(g, count, prob),
        lambda g: torch.binomial(torch.from_numpy(count), torch.from_numpy(prob), generator=g),
    )


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_gamma_equals_torch(name: str) -> None:
    alpha = np.concatenate([np.linspace(0, 3, 401), np.logspace(-3, 4, 400)]).astype(name)
    tensor = torch.from_numpy(alpha)
    check(lambda g: rs.gamma(g, alpha), lambda g: torch._standard_gamma(tensor, generator=g))


def test_dirichlet_equals_torch_in_float32_and_to_four_units_in_float64() -> None:
    rows = np.logspace(-2, 4, 4000).reshape(400, 10)
    for dtype, limit in ((np.float32, 0), (np.float64, 4)):
        alpha = rows.astype(dtype)
        mine, oracle = both(5)
        got = rs.dirichlet(mine, alpha)
        expected = torch._sample_dirichlet(torch.from_numpy(alpha), generator=oracle)
        distance = bits(got).astype(np.int64) - bits(expected).astype(np.int64)
        assert np.abs(distance).max() <= limit
        np.testing.assert_array_equal(mine.get_state(), oracle.get_state().numpy())


@pytest.mark.parametrize("name", FLOATS)
def test_multinomial_equals_torch(name: str) -> None:
    weights = np.random.default_rng(0).random((5, 300)).astype(FLOATS[name])
    weights[:, ::3] = 0
    tensor = torch.from_numpy(weights.astype(np.float64)).to(getattr(torch, name))
    check(
        lambda g: rs.multinomial(g, weights, 400, True),
        lambda g: torch.multinomial(tensor, 400, True, generator=g),
    )
    check(  # one choice is a race too
        lambda g: rs.multinomial(g, weights, 1, True),
        lambda g: torch.multinomial(tensor, 1, True, generator=g),
    )
    for n in (1, 2, 5):
        check(
            lambda g, n=n: rs.multinomial(g, weights, n),
            lambda g, n=n: torch.multinomial(tensor, n, generator=g),
        )


# ---------------------------------------------------------------- errors

ERRORS: list[tuple[Callable[[rng.Generator], Any], str]] = [
    (lambda g: rd.normal(g, (3,), np.float32, 0, -1), "torch.empty(3).normal_(0, -1)"),
    (lambda g: rd.normal(g, (3,), np.float32, 0, math.nan), "torch.empty(3).normal_(0, math.nan)"),
    (lambda g: rd.normal(g, (3,), np.int32), "torch.randn(3, dtype=torch.int32)"),
    (lambda g: rd.uniform(g, (3,), np.int64), "torch.rand(3, dtype=torch.int64)"),
    (lambda g: rd.uniform(g, (3,), np.float32, 2, 1), "torch.empty(3).uniform_(2, 1)"),
    (lambda g: rd.uniform(g, (3,), np.float16, 0, 1e6), "torch.empty(3).half().uniform_(0, 1e6)"),
    (lambda g: rd.uniform(g, (3,), np.float32, -3e38, 3e38), "torch.empty(3).uniform_(-3e38,3e38)"),
    (lambda g: rd.uniform(g, (3,), np.float32, math.nan), "torch.empty(3).uniform_(math.nan, 1)"),
    (lambda g: rd.exponential(g, (3,), np.float32, 0), "torch.empty(3).exponential_(0)"),
    (lambda g: rd.exponential(g, (3,), np.int32), "torch.empty(3).int().exponential_()"),
    (lambda g: rd.geometric(g, (3,), np.float32, 1.5), "torch.empty(3).geometric_(1.5)"),
    (lambda g: rd.geometric(g, (3,), np.bool_, 0.5), "torch.empty(3).bool().geometric_(0.5)"),
    (lambda g: rd.cauchy(g, (3,), np.float32, 0, -1), "torch.empty(3).cauchy_(0, -1)"),
    (lambda g: rd.cauchy(g, (3,), np.int32), "torch.empty(3).int().cauchy_()"),
    (lambda g: rd.log_normal(g, (3,), np.float32, 0, 0), "torch.empty(3).log_normal_(0, 0)"),
    (lambda g: rd.log_normal(g, (3,), np.int32), "torch.empty(3).int().log_normal_()"),
    (lambda g: rd.bernoulli(g, -0.1, (3,)), "torch.empty(3).bernoulli_(-0.1)"),
    (lambda g: rd.bernoulli(g, np.full(3, 1.5)), "torch.bernoulli(torch.full((3,), 1.5))"),
    (lambda g: rd.bernoulli(g, np.ones(3, np.int64)), "torch.bernoulli(torch.ones(3).long())"),
    (lambda g: rd.randint(g, (3,), np.int64, 5, 3), "torch.randint(5, 3, (3,))"),
    (lambda g: rd.random_(g, (3,), np.uint16), "torch.empty(3, dtype=torch.uint16).random_()"),
    (lambda g: rd.randperm(g, -1), "torch.randperm(-1)"),
    (lambda g: rd.randperm(g, 3000, np.float16), "torch.randperm(3000, dtype=torch.float16)"),
    (lambda g: rd.randperm(g, 300, np.uint8), "torch.randperm(300, dtype=torch.uint8)"),
    (lambda g: rd.randperm(g, 3, np.bool_), "torch.randperm(3, dtype=torch.bool)"),
    (lambda g: rd.dropout_mask(g, (3,), 1.5), "torch.nn.functional.dropout(torch.ones(3), 1.5)"),
    (lambda g: rs.poisson(g, np.array([-1.0])), "torch.poisson(torch.tensor([-1.0]))"),
    (lambda g: rs.poisson(g, np.array([1])), "torch.poisson(torch.tensor([1]))"),
    (lambda g: rs.gamma(g, np.ones(3, np.float16)), "torch._standard_gamma(torch.ones(3).half())"),
    (lambda g: rs.binomial(g, np.ones(3, int), np.ones(3)),
     "torch.binomial(torch.ones(3).long(), torch.ones(3))"),
    (lambda g: rs.binomial(g, np.ones(3, "f4"), np.ones(3)),
     "torch.binomial(torch.ones(3), torch.ones(3).double())"),
    (lambda g: rs.multinomial(g, np.ones(3), 0), "torch.multinomial(torch.ones(3), 0)"),
    (lambda g: rs.multinomial(g, np.ones(3), 4), "torch.multinomial(torch.ones(3), 4)"),
    (lambda g: rs.multinomial(g, np.zeros(3), 1), "torch.multinomial(torch.zeros(3), 1)"),
    (lambda g: rs.multinomial(g, -np.ones(3), 1), "torch.multinomial(-torch.ones(3), 1)"),
    (lambda g: rs.multinomial(g, np.ones((1, 2, 2)), 1), "torch.multinomial(torch.ones(1,2,2), 1)"),
    (lambda g: rd.normal_tensor(g, np.zeros(3), -np.ones(3)),
     "torch.normal(torch.zeros(3), -torch.ones(3))"),
]  # fmt: skip


@pytest.mark.parametrize("ours, theirs", ERRORS, ids=[text for _, text in ERRORS])
def test_errors_equal_torch(ours: Callable[..., Any], theirs: str) -> None:
    with pytest.raises(Exception) as expected:
        eval(theirs, {"torch": torch, "math": math})
    with pytest.raises(expected.type) as got:
        ours(rng.Generator())
    assert str(expected.value).startswith(str(got.value))


# ---------------------------------------------------------------- rounding


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=3, max_size=3))
def test_fma32_rounds_once(values: list[float]) -> None:
    a, b, c = (np.float32(v) for v in values)
    from fractions import Fraction

    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    got = Fraction(float(rm.fma32(np.array([a]), b, c)[0]))
    up = np.nextafter(np.float32(got), np.float32(np.inf))
    down = np.nextafter(np.float32(got), np.float32(-np.inf))
    assert all(abs(exact - got) <= abs(exact - Fraction(float(n))) for n in (up, down))


@given(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3))
def test_fma64_rounds_once(values: list[float]) -> None:
    from fractions import Fraction

    a, b, c = (v if abs(v) > 1e-60 else 0.0 for v in values)
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    got = rm.fma64(np.array([a]), b, c)[0]
    assert got == (exact.numerator / exact.denominator)
