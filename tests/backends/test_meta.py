"""The meta device: every op's results have the geometry that they have on the CPU, and no values.

What torch says is asked of torch; the geometry of results is held against the CPU's, over the
samples of all declared ops.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import pytest

import franken
import franken.linalg
import franken.nn
from franken.backends.meta import kernels
from franken.backends.meta.memory import Unheld
from franken.core.op import OPS
from franken.core.primitive import PRIMITIVES
from franken.core.pytree import tree_leaves, tree_map
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import Maker

torch = pytest.importorskip("torch")

# The primitives that no rule describes: their CPU kernels run on stand-ins, if inputs are small.
ON_STAND_INS = {
    "affine_grid_grad", "bag_argmax", "cholesky_solve", "ctc", "ctc_grad", "embedding_sparse",
    "gather_sparse", "gathered_places", "grow", "histc",
    "label_masks", "linalg_cofactor_change", "linalg_eig", "linalg_geqrf", "linalg_ldl_factor",
    "linalg_lu_factor", "linalg_permutation", "linalg_pinv",
    "linalg_zero_pivot", "nonzero_static", "unravel_index", "upper_part",
}  # fmt: skip
# Ops that read values, or lengths that torch wants on the CPU: refused on meta.
BY_VALUE = {
    "_pack_padded_sequence", "_pad_packed_sequence", "argwhere", "bincount", "binomial", "cov",
    "cpu", "embedding_renorm_", "gru", "histogram", "histogramdd",
    "index_put", "lstm", "masked_select", "narrow",
    "nn.functional.gaussian_nll_loss",
    "nn.functional.one_hot", "nonzero", "repeat_interleave", "rnn_relu", "rnn_tanh",
    "segment_reduce", "tensor_split", "unique", "unique_consecutive", "where",
}  # fmt: skip
REFUSED = (NotImplementedError, RuntimeError)


def tensors(value):
    return [t for t in tree_leaves(value) if isinstance(t, Tensor)]


def on_meta(value):
    def moved(t):
        if not isinstance(t, Tensor):
            return t
        return t.detach().to("meta").requires_grad_(t.requires_grad)

    return tree_map(moved, value)


def geometry(value):
    return [
        (tuple(t.shape), t.dtype, t.stride()) if isinstance(t, Tensor) else type(t)
        for t in tree_leaves(value)
    ]


def calls(op, dtype):
    """Samples of tensors: on meta, and what they give on the CPU, with its gradients."""
    for call in op.samples(Maker(franken, dtype)):
        if tensors((call.args, call.kwargs)):
            given = on_meta((call.args, call.kwargs))
            try:
                result = op.fn(*call.args, **call.kwargs)
                slopes = gradients(result, (call.args, call.kwargs))
            except (RuntimeError, TypeError, ValueError):
                continue  # not for this dtype
            if tensors(result):
                yield given, result, slopes


def gradients(result, inputs):
    wanted = [t for t in tensors(inputs) if t.requires_grad]
    ends = [t for t in tensors(result) if t.requires_grad]
    if not wanted or not ends:
        return []
    ones = [e.new_ones(e.shape) for e in ends]
    return franken.autograd.grad(ends, wanted, ones, allow_unused=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64", "int64"])
def test_results_have_the_geometry_that_they_have_on_the_cpu(dtype):
    refused, checked = set(), 0
    for name, op in OPS.items():
        if not callable(op.samples):
            continue
        for (args, kwargs), expected, slopes in calls(op, getattr(franken, dtype)):
            try:
                got = op.fn(*args, **kwargs)
            except REFUSED:
                refused.add(name)
                continue
            assert geometry(got) == geometry(expected), name
            assert all(t.is_meta for t in tensors(got)), name
            assert all(type(t._a) is Unheld or not t._a.size for t in tensors(got)), name
            assert geometry(gradients(got, (args, kwargs))) == geometry(slopes), name
            checked += 1
    assert refused <= BY_VALUE
    assert checked > 1000


def described(prim):
    """Whether the meta device knows what a primitive gives without running its kernel."""
    kernel = prim.kernels.get("meta")
    told = kernel is not None and not kernel.__qualname__.startswith("_on_stand_ins")
    return told or prim.view or prim.writes or getattr(prim.batch, "elementwise", False)


def of_strided_tensors(prim):
    home = inspect.unwrap(prim.cpu).__module__ or ""
    return not any(part in home for part in ("sparse", "layouts", "test"))


def test_what_no_rule_describes_is_known():
    found = {p.name for p in PRIMITIVES.values() if of_strided_tensors(p) and not described(p)}
    assert found == ON_STAND_INS


def test_a_rule_is_asked_and_no_kernel_runs_where_inputs_are_large():
    x = franken.empty(10**6, 10**6, device="meta")
    assert (x @ x.T + 1).softmax(-1).sum(0).shape == (10**6,)
    assert x[::2, 3:].t().contiguous().stride() == (500000, 1)
    assert franken.nn.functional.layer_norm(x, (10**6,)).sort(0)[1].dtype is franken.int64
    with pytest.raises(NotImplementedError, match="no rule says"):
        franken.linalg.eig(x)


def test_views_are_planned_without_looking_at_elements():
    x = franken.empty(10**6, 96, 10**5, device="meta").transpose(0, 1)
    assert x.reshape(96, 10**6, 10, 10**4).storage_offset() == 0
    assert x.view(96, 10**6, 10, 10**4).stride() == (10**5, 96 * 10**5, 10**4, 1)
    assert x.reshape(-1).shape == (96 * 10**11,)
    assert x.as_strided((3, 4), (1, 7), 5).t()[1:].storage_offset() == 12
    assert type(x.view(96, 10**6, 10, 10**4)[1, 2:]._a) is Unheld
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.view(-1)


def test_they_cost_no_memory_however_many_and_large_they_are():
    many = [franken.empty(10**7, 10**7, device="meta") for _ in range(3000)]
    assert not many[0].is_shared()
    assert many[0].untyped_storage()._cdata != many[1].untyped_storage()._cdata
    assert many[0].untyped_storage().nbytes() == 4 * 10**14


def test_stand_ins_have_the_strides_of_their_arrays():
    x = franken.empty(4, 6, device="meta").t()[::2]
    stand = kernels.stand_in(x._a)
    assert type(x._a) is Unheld
    assert (stand.shape, stand.strides) == (x._a.shape, x._a.strides)


# --- in torch's words ----------------------------------------------------------------------------


def told(program, lib):
    names = {
        "torch": lib, "nn": lib.nn, "F": lib.nn.functional, "m": lib.empty(2, 3, device="meta"),
        "c": lib.ones(2, 3), "i": lib.zeros(2, dtype=lib.int64, device="meta"),
        "pickle": pickle, "copy": copy,
    }  # fmt: skip
    try:
        return repr(eval(program, names))
    except (RuntimeError, TypeError, ValueError, BufferError) as error:
        kinds = (NotImplementedError, TypeError, ValueError, BufferError, RuntimeError)
        return next(k for k in kinds if isinstance(error, k)).__name__, str(error)


PROGRAMS = [
    # what it says of itself
    "m", "m + 1", "m.sum()", "m > 0", "i", "m.double()", "torch.empty(2, 0, device='meta')",
    "torch.rand(2, device='meta', requires_grad=True) * 2", "nn.Parameter(m)", "f'{m.sum()}'",
    "m.is_meta", "m.device", "torch.empty(2, device='meta:0').device", "m.data_ptr()", "m.type()",
    "m.untyped_storage()", "m.untyped_storage().data_ptr()", "m.untyped_storage().nbytes()",
    "m[1].storage_offset()", "m.get_device()", "m.is_pinned()",
    # reading
    "m.item()", "m.sum().item()", "m.tolist()", "m.cpu()", "m.to('cpu')", "m.numpy()",
    "m.__array__()", "bool(m.sum())", "float(m.sum())", "int(m.sum())", "bool(m)",
    "m.numpy(force=True)", "m.untyped_storage().tolist()", "m.untyped_storage()[0]",
    "m.pin_memory()", "m.__dlpack__()", "torch.from_dlpack(m)", "1. in m", "f'{m.sum():.2f}'",
    "torch.testing.assert_close(m, m)", "torch.Generator('meta')",
    # results that depend on values
    "m.nonzero()", "m[m > 0]", "torch.masked_select(m, m > 0)", "torch.unique(m)",
    "torch.unique_consecutive(m)", "torch.unique(m, dim=0)", "torch.bincount(i)",
    "torch.equal(m, m)", "m.is_set_to(m)", "torch.binomial(m, m)", "F.one_hot(i)",
    "F.one_hot(i, 4)", "torch.where(m > 0)", "F.gaussian_nll_loss(m, m, m)",
    # two devices
    "m + c", "c + m", "m + torch.tensor(1.)", "torch.tensor(1.) + m", "torch.where(m > 0, m, c)",
    "torch.cat([m, c])", "torch.cat([c, m])", "m.copy_(c)", "c.copy_(m)", "m @ c.T",
    "m[torch.tensor([0, 1])]", "m.index_select(0, torch.tensor([0]))", "m.eq(c)",
    "F.embedding(torch.ones(2, dtype=torch.long), m)", "nn.Linear(3, 2)(m)", "m.set_(c)",
    "torch.meshgrid(torch.ones(2), torch.ones(3, device='meta'), indexing='ij')",
    "m.type_as(c)", "c.to(m)", "torch.full_like(c, 1, device='meta')", "m.new_tensor(c)",
    # making
    "torch.tensor([1, 2], device='meta')", "torch.arange(5, device='meta')", "torch.tensor(m)",
    "torch.randn(3, device='meta')", "torch.randperm(4, device='meta')", "c.T.to('meta').stride()",
    "torch.randint(3, (2,), device='meta')", "torch.normal(m, m)", "torch.bernoulli(m)",
    "torch.multinomial(m, 1)", "torch.eye(3, device='meta')", "torch.as_tensor(c, device='meta')",
    "torch.empty_strided((2, 3), (1, 2), device='meta').stride()", "torch.randn_like(m)",
    "torch.zeros_like(c, device='meta')", "torch.empty_like(m, device='cpu').device",
    # in place
    "m.uniform_()", "m.normal_()", "m.normal_(0, -1)", "m.fill_(2)", "m.zero_()", "m.random_()",
    "m.exponential_()", "m.resize_(5)", "m.mul_(2).add_(m)", "nn.init.xavier_uniform_(m)",
    "nn.init.orthogonal_(m)", "nn.init.trunc_normal_(m)", "nn.init.kaiming_normal_(m)",
    "m.__setitem__(0, 1)", "m.__setitem__(m > 0, 1)", "m.__setitem__(i, 1)",
    # values that are not checked
    "torch.linalg.inv(torch.empty(3, 3, device='meta'))", "torch.quantile(m, 0.5)",
    "torch.linalg.cholesky(torch.empty(3, 3, device='meta'))", "torch.take(m, i)",
    "torch.repeat_interleave(i, i, output_size=7)", "torch.repeat_interleave(i, i)",
    "F.ctc_loss(torch.empty(5, 2, 4, device='meta'), torch.stack([i, i]), (5, 5), (2, 2))",
    "m.masked_scatter(m > 0, m)", "F.nll_loss(m, i)", "F.cross_entropy(m, i)",
    # copies
    "pickle.loads(pickle.dumps(m))", "copy.deepcopy(m)", "copy.deepcopy(m.t()).stride()",
    "copy.deepcopy(nn.Linear(2, 3, device='meta')).weight",
    "pickle.loads(pickle.dumps(nn.Parameter(m.t()))).stride()",
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_says_what_torch_says(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert told(program, franken) == told(program, torch)


MODULES = {
    "to_empty": "nn.Linear(2, 3, device='meta').to_empty(device='cpu').weight.device",
    "to": "nn.Linear(2, 3, device='meta').to('cpu')",
    "cpu": "nn.Linear(2, 3, device='meta').cpu()",
    "skip_init": "nn.utils.skip_init(nn.Linear, 2, 3).weight.device",
    "to_meta": "nn.Linear(2, 3).to('meta').weight",
    "assign": (
        "(lambda a: (a.load_state_dict(nn.Linear(2, 3).state_dict(), assign=True), a.weight.device,"
        " type(a.weight).__name__, a.weight.requires_grad))(nn.Linear(2, 3, device='meta'))"
    ),
    "no_data": "nn.Linear(2, 3).load_state_dict(nn.Linear(2, 3, device='meta').state_dict())",
    "batch_norm": "nn.BatchNorm2d(3, device='meta')(torch.empty(2, 3, 4, 4, device='meta')).shape",
    "backward": (
        "(lambda l: (l(torch.empty(4, 3, device='meta')).sum().backward(), l.weight.grad))"
        "(nn.Linear(3, 2, device='meta'))"
    ),
    "step": (
        "(lambda p: (setattr(p, 'grad', m), torch.optim.Adam([p]).step(), p))(nn.Parameter(m))"
    ),
    "transformer": (
        "nn.TransformerEncoderLayer(8, 2, 16, device='meta')(torch.empty(5, 2, 8, device='meta'))"
        ".shape"
    ),
    "causal mask": (
        "nn.TransformerEncoderLayer(8, 2, 16, device='meta')(torch.empty(5, 2, 8, device='meta'), "
        "nn.Transformer.generate_square_subsequent_mask(5, device='meta')).shape"
    ),
    "lstm": "nn.LSTM(3, 4, device='meta')(torch.empty(5, 2, 3, device='meta'))[1][0].shape",
}


@pytest.mark.parametrize("program", MODULES.values(), ids=MODULES)
def test_modules_without_data(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert told(program, franken) == told(program, torch)


def test_loading_data_into_a_module_without_any_is_warned_of():
    heard = []
    for lib in (torch, franken):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module = lib.nn.Linear(2, 3, device="meta")
            module.load_state_dict(lib.nn.Linear(2, 3).state_dict())
        assert module.weight.is_meta
        heard.append([str(w.message) for w in caught])
    assert heard[0] == heard[1]
    assert len(heard[0]) == 2


@pytest.mark.parametrize("lib", [torch, franken], ids=["torch", "franken"])
def test_guard_and_default_device(lib):
    with lib.device("meta"):
        model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.ReLU(), lib.nn.Conv1d(8, 2, 1))
        assert lib.zeros(2).is_meta
    assert all(p.is_meta for p in model.parameters())
    lib.set_default_device("meta")
    try:
        assert lib.ones(3).is_meta
    finally:
        lib.set_default_device(None)


def test_files_hold_the_geometry_and_travel_between_both(tmp_path):
    state = {"w": franken.empty(2, 3, device="meta").t(), "p": franken.nn.Parameter(
        franken.empty(10**5, 10**5, device="meta"))}  # fmt: skip
    franken.save(state, tmp_path / "ours.pt")
    assert (tmp_path / "ours.pt").stat().st_size < 10**4
    theirs = torch.load(tmp_path / "ours.pt")
    torch.save(theirs, tmp_path / "theirs.pt")
    again = franken.load(tmp_path / "theirs.pt")
    for name, t in state.items():
        for other in (theirs[name], again[name]):
            assert other.is_meta
            assert (tuple(other.shape), other.stride()) == (tuple(t.shape), t.stride())
            assert other.requires_grad == t.requires_grad
    assert franken.load(tmp_path / "ours.pt", map_location="cpu")["w"].is_meta


def test_nothing_can_read_what_is_not_there():
    a = franken.empty(3, device="meta")._a
    for read in (lambda: a + 1, lambda: a.sum(), lambda: a[0], lambda: bool(a), lambda: a.tolist()):
        with pytest.raises((NotImplementedError, RuntimeError)):
            read()
