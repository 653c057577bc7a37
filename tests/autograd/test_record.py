"""A record holds everything that its block computed: nothing that it made comes back as a leaf.

Generated over every form of every op and over every optimizer; the replay must then agree.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import franken as torch
from franken.autograd.record import fingerprint, record
from franken.autograd.replay import replay
from franken.core.op import OPS
from franken.core.primitive import PRIMITIVES
from franken.ops.declaring.samples import Maker

REFUSED = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError)
SAMPLED = [name for name, op in OPS.items() if callable(op.samples)]


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in tensors(v)]
    return tensors(list(value.values())) if isinstance(value, dict) else []


def dense(found):
    return [t for t in tensors(found) if t.level == 0 and isinstance(t._a, np.ndarray)]


def digest(t):
    return fingerprint(t)[0].split(":")[0]


def read(found):
    for t in found:
        t.detach().logical_not() if t.dtype is torch.bool else t.detach().mul(1)


def calls(op):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for args, kwargs, *_ in op.samples(Maker(torch, torch.float32)):
            yield list(args), dict(kwargs)


def backward(made):
    wanted = [t for t in made if t.requires_grad]
    try:
        if wanted:
            torch.autograd.backward(wanted, [torch.ones_like(t) for t in wanted])
    except RuntimeError as error:
        if not re.search("derivative|differentiab|backward", str(error)):
            raise


def watched(fn, args, kwargs, more=()):
    """Run `fn` in a record that must be whole; what it gave, or None where it refuses."""
    given = [*dense([args, kwargs]), *more]
    before = {digest(t) for t in given}
    rec = record(level=3)
    with warnings.catch_warnings(), rec:
        warnings.simplefilter("ignore")
        read(given)
        try:
            out = fn(*args, **kwargs)
        except REFUSED:
            return None
        made = dense(out)
        read([*made, *given])
        backward(made)
    assert not [key for key in rec.leaves if key.split(":")[0] not in before], (args, kwargs)
    assert not rec.unseen, (args, kwargs)
    report = replay(rec)
    assert report.ok, (str(report), args, kwargs)
    return out


@pytest.mark.parametrize("name", SAMPLED)
def test_functions(name):
    op = OPS[name]
    for args, kwargs in calls(op):
        watched(op.function if op.at else op.fn, args, kwargs)


def inside(x):
    """(a view that has x's values, its base, another view of that)."""
    base = torch.stack([x.detach(), x.detach()], -1).clone()
    return base[..., 0], base, base.reshape(-1)[:1]


@pytest.mark.parametrize("name", [n for n in SAMPLED if OPS[n].inplace is not None])
def test_in_place_forms_on_tensors_and_on_views(name):
    op = OPS[name]
    for args, kwargs in calls(op):
        if not isinstance(args[0], torch.Tensor):
            continue
        watched(op.inplace, [args[0].detach().clone(), *args[1:]], kwargs)
        view, *others = inside(args[0])
        watched(op.inplace, [view, *args[1:]], kwargs, others)


@pytest.mark.parametrize("name", [n for n in SAMPLED if OPS[n].out])
def test_out_forms(name):
    op = OPS[name]
    with torch.no_grad():
        for args, kwargs in calls(op):
            plain = watched(op.function, args, kwargs)
            if isinstance(plain, torch.Tensor):
                watched(op.function, args, {**kwargs, "out": torch.empty_like(plain)})
                view, *others = inside(plain)
                watched(op.function, args, {**kwargs, "out": view}, others)


WRITES = {
    "setitem": lambda x: x.__setitem__(slice(1, 2), 5),
    "setitem tensor": lambda x: x.__setitem__((slice(None), 1), x[:, 0]),
    "setitem mask": lambda x: x.__setitem__(x > 0, 7.0),
    "setitem index": lambda x: x.__setitem__(torch.tensor([0, 2]), x[:2] * 3),
    "index_put_": lambda x: x.index_put_((torch.tensor([1]),), torch.tensor(2.0)),
    "accumulate": lambda x: x.index_put_((torch.tensor([1, 1]),), x[:2].clone(), accumulate=True),
    "operators": lambda x: x.t().__iadd__(1).__imul__(2).__isub__(3).__itruediv__(4),
    "copy_": lambda x: x[2:].copy_(x[:1]),
    "copy_ cast": lambda x: x.copy_(torch.ones(4, dtype=torch.int64)),
    "fill_": lambda x: x.diagonal().fill_(2),
    "zero_": lambda x: x[:, ::2].zero_(),
    "fill_diagonal_": lambda x: x.fill_diagonal_(1.5),
    "normal_": lambda x: x[0].normal_(),
    "apply_": lambda x: x.apply_(lambda v: v + 1),
    "map_": lambda x: x.map_(x.clone(), lambda v, w: v * w),
    "out": lambda x: torch.mul(x[0], 2, out=x[1]),
    "out resized": lambda x: torch.add(x, x, out=torch.empty(0)),
    "other dtype": lambda x: x.view(torch.int32).add_(1),
    "data": lambda x: x.data.mul_(2),
    "data assigned": lambda x: setattr(x, "data", x * 2),
    "detach": lambda x: x.detach().add_(1),
    "squeeze_": lambda x: x.unsqueeze_(0).transpose_(0, 1).add_(1),
    "resize_ down": lambda x: x.resize_(2, 2).mul_(2),
    "resize_ up": lambda x: x.resize_(4, 5).add_(1),
    "no_grad": lambda x: torch.no_grad()(lambda: x.exp_())(),
    "clip": lambda x: torch.nn.utils.clip_grad_norm_(graded(x), 0.1),
    "clip value": lambda x: torch.nn.utils.clip_grad_value_(graded(x), 0.1),
    "init": lambda x: torch.nn.init.xavier_uniform_(x),
    "expand": lambda x: x.add_(x[0].expand(3, 4)),
}


def graded(x):
    p = torch.nn.Parameter(x.clone())
    (p * p).sum().backward()
    return [p]


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    """A change of memory, then what all the views of it show."""
    for make in (lambda: torch.arange(12.0), lambda: torch.arange(24.0)[::2]):
        x = make().reshape(3, 4)
        base = x if x._base is None else x._base
        before = {digest(x), digest(base)}
        rec = record(level=3)
        with rec:
            read([x, base])
            WRITES[name](x)
            read([x, base, x.transpose(0, -1), x[1:], x.reshape(-1)[::3]])
        assert {key.split(":")[0] for key in rec.leaves} <= before and not rec.unseen
        report = replay(rec)
        assert report.ok, str(report)


@pytest.mark.parametrize("name", WRITES)
def test_recording_changes_no_result(name):
    plain, seen = torch.arange(12.0).reshape(3, 4), torch.arange(12.0).reshape(3, 4)
    torch.manual_seed(0)
    WRITES[name](plain)
    torch.manual_seed(0)
    with record(level=2):
        WRITES[name](seen)
    assert plain.detach().numpy().tobytes() == seen.detach().numpy().tobytes()
    assert plain.stride() == seen.stride() and plain._version == seen._version


def test_memory_that_other_code_changed_proves_nothing():
    x = torch.ones(3)
    rec = record(level=3)
    with rec:
        x * 2
        x.numpy()[0] = 5
        x * 3
    report = replay(rec)
    assert not report.ok and len(report.unseen) == 1
    assert str(report).startswith("NOT PROVEN: 1 value(s) in memory that was changed by code")


OPTIMIZERS = {
    "SGD": {"momentum": 0.9}, "Adam": {}, "AdamW": {"amsgrad": True}, "Adagrad": {},
    "Adadelta": {}, "Adamax": {}, "ASGD": {}, "NAdam": {}, "RAdam": {}, "Rprop": {},
    "RMSprop": {"momentum": 0.5, "centered": True}, "Adafactor": {}, "LBFGS": {"max_iter": 3},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_steps(name):
    """Two steps with every optimizer: only parameters, buffers and state were there before."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    )
    optimizer = getattr(torch.optim, name)(net.parameters(), **OPTIMIZERS[name])
    x = torch.randn(5, 3)

    def closure():
        optimizer.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        return loss

    before = {digest(t) for t in dense([x, net.state_dict(), *optimizer.state.values()])}
    rec = record(level=3)
    with rec:
        for _ in range(2):
            optimizer.step(closure)
        read(dense([net.state_dict(), *optimizer.state.values()]))
    assert {key.split(":")[0] for key in rec.leaves} <= before and not rec.unseen
    assert len(rec.gradients) >= 12
    report = replay(rec)
    assert report.ok, str(report)


# --- what a replay must notice -------------------------------------------------------------------


def trained():
    torch.manual_seed(0)
    w = torch.randn(3, 2).requires_grad_()
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    with record(level=3) as rec:
        (torch.ones(4, 3) @ w).tanh().square().sum().backward()
        optimizer.step()
    assert replay(rec).ok
    return rec


def test_a_gradient_changed_by_hand_is_noticed():
    rec = trained()
    key = rec.gradients[0]["grad"]
    held = rec.values[key]
    rec.values[key] = np.nextafter(held, np.float32(9))
    report = replay(rec)
    assert not report.ok and "digest" in str(report)
    rec.values[key] = held
    rec.gradients[0]["grad"] = "0" * 64 + key[64:]
    report = replay(rec)
    assert not report.ok and report.first.op == "gradient"


def test_a_gradient_changed_in_a_file_is_noticed(tmp_path):
    from franken.serialization import native

    rec, path = trained(), tmp_path / "step"
    rec.save(path)
    data = native.load_file(path)
    key = data["gradients"][0]["grad"]
    data["values"][key] = np.asarray(data["values"][key]) * np.float32(2)
    native.save_file(data, path)
    assert not replay(path).ok


@pytest.mark.parametrize("name", ["tanh", "matmul", "sum", "mul"])
def test_a_perturbed_derivative_is_noticed(name):
    torch.manual_seed(0)
    w = torch.randn(3, 2).requires_grad_()
    with record(level=3) as rec:
        y = (torch.ones(4, 3) @ w).tanh()
        (y * y).sum().backward()
    prim = PRIMITIVES[name]
    rules = [r for r in prim.vjps if hasattr(r, "fn")] or [prim.vjp_joint]
    honest = [rule.fn for rule in rules]
    plans, prim.plans = prim.plans, {}
    try:
        for rule in rules:
            rule.fn = lambda *a, fn=rule.fn: _perturbed(fn(*a))
        report = replay(rec)
    finally:
        for rule, fn in zip(rules, honest, strict=True):
            rule.fn = fn
        prim.plans = plans
    assert not report.ok and any(d.op == name for d in report.divergences)


def _perturbed(got):
    if isinstance(got, (tuple, list)):
        return [None if g is None else g * 1.0000002 for g in got]
    return got * 1.0000002


def test_a_perturbed_optimizer_kernel_is_noticed():
    rec = trained()
    prim = PRIMITIVES["sgd_step"]
    honest = prim.cpu
    prim.cpu = lambda *a, lr, **k: honest(*a, lr=lr * 1.0001, **k)
    try:
        report = replay(rec)
    finally:
        prim.cpu = honest
    assert report.first.op == "sgd_step" and not report.ok
