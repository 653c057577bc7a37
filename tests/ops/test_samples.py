"""Every public op brings samples; they are made alike every time and drive the self-checks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import franken
from conformance import cases, checks, oracle, runner
from franken.core.op import OPS, NoSamples, op
from franken.ops.declaring.samples import (
    Call,
    Maker,
    S,
    after,
    estimated,
    given,
    hermitian,
    on,
    pointwise,
)
from franken.ops.sparse.convert import SPARSE

ROOT = Path(__file__).resolve().parents[2]
ALONE = oracle.candidate()


def declared():
    """The package's own ops: other tests declare some in this process."""
    code = "import franken; from franken.core.op import OPS; print(*OPS)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def silent(names):
    """Ops that neither have samples nor say why."""
    return [
        n for n in names
        if not callable(s := OPS[n].samples) and not (isinstance(s, NoSamples) and s.reason)
    ]  # fmt: skip


def test_every_op_has_samples_or_says_why():
    names = declared()
    assert len(names) > 700
    assert not silent(names)


def test_few_ops_have_none():
    without = [n for n in declared() if isinstance(OPS[n].samples, NoSamples)]
    assert len([n for n in without if OPS[n].samples is not SPARSE]) <= 40, without


@pytest.mark.parametrize("samples", [None, NoSamples("")])
def test_silence_is_seen(samples):
    @op(at="", method=False, name="test_silent_op", samples=samples)
    def test_silent_op(x):
        """Odd."""

    try:
        assert silent(["test_silent_op"]) == ["test_silent_op"]
    finally:
        del OPS["test_silent_op"]


# Samples of these dtypes must be made for every op, whether or not it takes the dtype.
@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "complex64", "bfloat16"])
def test_samples_are_made_in_every_dtype(dtype):
    empty = []
    for name in declared():
        if cases.has_samples(OPS[name]):
            case = cases.Case(name, "declared", OPS[name])
            found = case.samples(dtype, 8, ALONE, None)
            if not 1 <= len(found) <= 8:
                empty.append((name, len(found)))
    assert not empty


def test_samples_are_the_same_every_time():
    def contents():
        made = on(-2, 2, 2)(Maker(franken, franken.float64))
        return [[a.tolist() for a in call.args] for call in made]

    assert contents() == contents()
    x, y = contents()[0]
    assert x[0] != y  # values of their own


def test_the_maker_keeps_its_promises():
    t = Maker(franken, franken.float64)
    x = t(50, low=0.2, high=0.5)
    assert x.min() >= 0.2 and x.max() < 0.5 and x.requires_grad
    assert not t.const(3).requires_grad
    gaps = t.distinct(30).sort().values.diff()
    assert gaps.min() >= 0.25 - 1e-12
    assert set(t.index(50, high=4).tolist()) == {0, 1, 2, 3}
    assert 0 < t.mask(3, 4).sum() < 12
    assert franken.linalg.eigvalsh(t.positive(4)).min() > 0
    assert franken.linalg.cond(t.square(4)) < 10
    assert t.triangle(3).tolist()[0][1:] == [0, 0]
    assert t.of([1, 2], t.dtype).dtype is franken.float64


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_whole_numbers_vary_in_an_interval_of_fractions(dtype):
    t = Maker(franken, getattr(franken, dtype))
    values = set(t(40, low=0.1, high=0.9).tolist())
    assert len(values) > 1
    assert 0 not in values or dtype == "bool"


def test_how_a_call_is_written():
    call = S(1, dim=2)
    args, kwargs, *rest = call
    assert (args, kwargs, rest) == ((1,), {"dim": 2}, [None, None, True])
    assert after(abs, call).post is abs
    assert given(hermitian, call).pre is hermitian
    assert not estimated(call).exact
    assert Call(*((1,), {})) == S(1)  # a plain pair will do


def test_a_domain_of_its_own_replaces_the_default():
    t = Maker(franken, franken.float64)
    assert OPS["log"].samples is not OPS["sin"].samples
    assert all(a.min() > 0 for c in OPS["log"].samples(t) for a in c.args if a.numel())
    assert OPS["sin"].samples is OPS["cos"].samples
    assert len(list(pointwise(3)(t))) == 6


# --- what they drive without an oracle ------------------------------------------------------------


def self_check(name, what):
    """{check: verdicts} of an op from its own samples, without torch."""
    case = cases.Case(name, "declared", what)
    options = runner.Options(dtypes=("float32",), sample_timeout=20.0)
    found = {}
    for r in runner.run_case(case, options, ALONE, None):
        found.setdefault(r.check, set()).add(r.verdict)
        if r.verdict == "FAIL":
            print(r)
    return found


@pytest.fixture(autouse=True)
def alarm():
    import signal

    before = signal.signal(signal.SIGALRM, runner._ring)
    yield
    signal.signal(signal.SIGALRM, before)


CHECKED = (
    "sum", "matmul", "cumsum", "gather", "cat", "conv2d", "nn.functional.layer_norm", "softmax",
    "nn.functional.max_pool2d", "linalg.cholesky", "linalg.svd", "fft.rfft", "index_add", "where",
    "nn.functional.cross_entropy", "nn.functional.scaled_dot_product_attention", "transpose",
)  # fmt: skip


@pytest.mark.parametrize("name", CHECKED)
def test_the_self_check_proves_what_needs_no_oracle(name):
    found = self_check(name, OPS[name])
    assert found.pop("value") == {"NOT PROVEN"}
    found.pop("errors", None)
    assert set(found) == {"vjp", "jvp", "double_backward", "vmap", "replay"}
    for check, verdicts in found.items():
        assert "FAIL" not in verdicts, check
        assert "PASS" in verdicts, check


class WrongSlope(franken.autograd.Function):
    """x**2 with the derivative of x**3 / 3."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x * x


def fake(fn, samples):
    made = type(OPS["exp"])("fake", fn, "torch")
    made.function, made.samples = fn, samples
    return made


def test_the_self_check_finds_a_wrong_rule():
    found = self_check("fake", fake(WrongSlope.apply, lambda t: [S(t(3))]))
    assert found["vjp"] == {"FAIL"}
    assert "FAIL" not in found["replay"]


def test_arguments_are_brought_into_the_domain():
    """cholesky reads one triangle; only of a symmetric argument is its gradient the derivative."""
    plain = fake(franken.linalg.cholesky, lambda t: [S(t.positive(3))])
    assert self_check("fake", plain)["vjp"] == {"FAIL"}
    into = fake(franken.linalg.cholesky, lambda t: [given(hermitian, S(t.positive(3)))])
    assert self_check("fake", into)["vjp"] == {"PASS"}


def test_an_estimated_gradient_is_not_proven():
    def straight(x):
        return (x.round() - x).detach() + x

    assert self_check("fake", fake(straight, lambda t: [S(t(3))]))["vjp"] == {"FAIL"}
    found = self_check("fake", fake(straight, lambda t: [estimated(S(t(3)))]))
    assert found["vjp"] == {"NOT PROVEN"}
    assert found["replay"] == {"PASS"}


def test_a_mode_without_derivative_is_not_one_that_fails():
    assert checks._says_none(NotImplementedError("the derivative for 'zeta' is not implemented"))
    assert checks._says_none(RuntimeError("qr is not differentiable when mode='complete'"))
    assert not checks._says_none(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_the_command_without_torch(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "differential", "--alone", "--only",
         "^(cumsum|matmul)$", "--workers", "1", "--json", "r.json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["oracle"]["version"] is None
    assert found["summary"].startswith("NOT PROVEN: 2 ops, 0 failing")
    for by_check in found["ops"].values():
        assert set(by_check["value"]) == {"NOT PROVEN"}
        assert by_check["vjp"]["PASS"] >= 3
        assert by_check["vmap"]["PASS"] >= 3


def test_torch_is_not_imported_without_being_asked():
    code = (
        "import sys; from conformance import cases, oracle, runner; s = oracle.candidate();"
        "c = cases.collect('^cumsum$', source='declared');"
        "import signal; signal.signal(signal.SIGALRM, runner._ring);"
        "runner.run_case(c[0], runner.Options(), s, None); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "False"


def test_reasons_are_sentences_about_the_op():
    reasons = {OPS[n].samples.reason for n in declared() if isinstance(OPS[n].samples, NoSamples)}
    assert all(re.match(r"[a-z].{10,}", r) for r in reasons)


# --- faults that samples found --------------------------------------------------------------------

FOUND = (
    ("dropout", "complex64"), ("native_dropout", "int64"), ("mvlgamma", "bool"),
    ("polar", "bfloat16"), ("dist", "int64"), ("binomial", "int64"), ("embedding_bag", "int64"),
    ("index_reduce", "complex64"), ("_softmax_backward_data", "int64"), ("stft", "bfloat16"),
    ("cosine_similarity", "complex64"), ("masked.amax", "bool"), ("masked.logsumexp", "bool"),
    ("masked.logaddexp", "bool"), ("nn.functional.local_response_norm", "bool"),
    ("max_pool1d_with_indices", "int64"), ("affine_grid_generator", "bool"), ("trace", "bool"),
    ("linalg.vecdot", "int64"), ("cross", "bool"), ("hinge_embedding_loss", "int64"),
    ("nn.functional.margin_ranking_loss", "int64"), ("nn.functional.gaussian_nll_loss", "int64"),
    ("nn.functional.multi_margin_loss", "bfloat16"), ("lstm_cell", "int64"), ("lstm", "bfloat16"),
    ("randint_like", "complex64"), ("pca_lowrank", "int64"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), FOUND)
def test_what_samples_found_stays_fixed(name, dtype):
    """torch's dtypes are taken and the others refused with its exception types."""
    pytest.importorskip("torch")
    options = runner.Options(dtypes=(dtype,), derivative_dtypes=(), sample_timeout=20.0)
    case = cases.Case(name, "declared", OPS[name])
    results = runner.run_case(case, options, *oracle.sides())
    assert results
    assert not [r for r in results if r.verdict != "PASS"]
