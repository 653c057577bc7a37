"""Call signatures are the contract of a drop-in: the names, their order and defaults are torch's.

Every op is compared with all overloads of torch's own schemas; differences are listed with why.
"""

from __future__ import annotations

import importlib
import inspect
import pydoc

import pytest

import franken
from franken.core import op as ops
from franken.core.op import OPS

KIND = inspect.Parameter
PREFIXED = ("fft", "linalg", "special")

# --- names registry-wide -------------------------------------------------------------------------

# TorchScript's overloads on Python numbers and lists, which torch's Python functions do not have.
# (aten::sort.Tensor sorts a list in place.)
SCRIPT_ONLY = {"Tensor_list", "bool_list", "float_list", "int_list", "str_list", "any", "no_stats"}
SCRIPT_NAMES = ("b", "reverse")  # what those call their arguments

OTHER = {  # op: (names of a schema that are not taken, why)
    "_native_batch_norm_legit": ({"*"}, "one function for two overloads, told apart by count"),
    "addmm": ({"out_dtype"}, "an overload for CUDA only"),
    "baddbmm": ({"out_dtype"}, "an overload for CUDA only"),
    "bmm": ({"out_dtype"}, "an overload for CUDA only"),
    "mm": ({"out_dtype"}, "an overload for CUDA only"),
    "einsum": ({"*"}, "a Python function in torch, of (equation, *operands)"),
    "gru": ({"*"}, "two overloads, told apart by the types of positional arguments"),
    "lstm": ({"*"}, "two overloads, told apart by the types of positional arguments"),
    "rnn_relu": ({"*"}, "two overloads, told apart by the types of positional arguments"),
    "rnn_tanh": ({"*"}, "two overloads, told apart by the types of positional arguments"),
    "atleast_1d": ({"input"}, "a Python function in torch, of *tensors"),
    "atleast_2d": ({"input"}, "a Python function in torch, of *tensors"),
    "atleast_3d": ({"input"}, "a Python function in torch, of *tensors"),
    "tensordot": ({"*"}, "a Python function in torch, of (a, b, dims)"),
}
# Positional forms that hold for one overload each; `CALLS` and the ops' own tests run them.
ORDERS = {
    "dsplit": "indices and sections share a parameter",
    "hsplit": "indices and sections share a parameter",
    "vsplit": "indices and sections share a parameter",
    "split": "split_size and split_sizes share a parameter",
    "max": "max(input, other) and max(input, dim)",
    "min": "min(input, other) and min(input, dim)",
    "nuclear_norm": "(input, keepdim) and (input, dim, keepdim)",
    "result_type": "which operand is first makes no difference",
    "scatter": "src and value share a parameter",
    "std": "(input, unbiased) and (input, dim, unbiased, keepdim)",
    "std_mean": "(input, unbiased) and (input, dim, unbiased, keepdim)",
    "var": "(input, unbiased) and (input, dim, unbiased, keepdim)",
    "var_mean": "(input, unbiased) and (input, dim, unbiased, keepdim)",
    "split_copy": "split_size and split_sizes share a parameter",
    **{
        f"_foreach_{name}": "what is one for all and what is one for each share a parameter"
        for name in (
            "add",
            "sub",
            "mul",
            "div",
            "clamp_max",
            "clamp_min",
            "maximum",
            "minimum",
            "addcdiv",
            "addcmul",
            "lerp",
        )
    },
    "stft": "a Python function in torch, with center and pad_mode in between",
    "uniform_": "`from` is a word of Python's: torch's method takes it by position",
    "repeat_interleave": "repeat_interleave(repeats) and (input, repeats, dim)",
}


def aten_overloads():
    torch = pytest.importorskip("torch")
    found = {}
    for schema in torch._C._jit_get_all_schemas():
        space, _, name = schema.name.partition("::")
        named = any("Dimname" in str(a.type) for a in schema.arguments)
        writes = any(a.is_out for a in schema.arguments)
        takes = {a.name for a in schema.arguments}
        tensors = any("Tensor" in str(a.type) for a in schema.arguments)
        script = schema.overload_name in SCRIPT_ONLY or "reverse" in takes or not tensors
        if space == "aten" and not (named or writes or script):
            found.setdefault(name, []).append(schema)
    return found


def aten_name(o):
    """torch's name of an op whose schema is what its Python form takes; None of the others."""
    space, _, name = o.name.rpartition(".")
    if space in PREFIXED:
        return f"{space}_{name}"
    return name if not space else None


def taken(fn, also, name):
    """The parameter that takes the keyword `name` (True: one of **kwargs), or None."""
    shown = inspect.signature(fn).parameters
    if name in shown:
        return name
    if any(p.kind is KIND.VAR_KEYWORD for p in shown.values()):
        return True
    key = next(iter(ops.renamed({name: 0}, ops.parameters(fn), also)))
    return key if key in shown else None


def spoken(argument):
    return "input" if argument.name == "self" else argument.name


def refused(o, overloads):
    """Names that an overload has and the op does not take."""
    names = {spoken(a) for s in overloads for a in s.arguments}
    return {n for n in names if n not in SCRIPT_NAMES and taken(o.fn, o.also, n) is None}


def disordered(o, schema):
    """Whether positional arguments of an overload go elsewhere than to those of their names."""
    shown = inspect.signature(o.fn).parameters.values()
    if any(p.kind is KIND.VAR_POSITIONAL for p in shown):
        return False
    mine = [p.name for p in shown if p.kind is KIND.POSITIONAL_OR_KEYWORD]
    theirs = [taken(o.fn, o.also, spoken(a)) for a in schema.arguments if not a.kwarg_only]
    return theirs != mine[: len(theirs)]


def compared():
    aten = aten_overloads()
    return {n: (o, aten[a]) for n, o in OPS.items() if (a := aten_name(o)) in aten}


def test_every_op_takes_the_names_of_all_overloads():
    found = {n: bad for n, (o, each) in compared().items() if (bad := refused(o, each))}
    listed = {n: names for n, (names, _) in OTHER.items()}
    wrong = {n: bad for n, bad in found.items() if listed.get(n) not in (bad, {"*"})}
    assert not wrong
    assert not [n for n in OTHER if n not in found], "no longer different"


def test_positional_arguments_stand_in_the_order_of_every_overload():
    found = {
        n for n, (o, each) in compared().items()
        if n not in OTHER and any(disordered(o, s) for s in each)
    }  # fmt: skip
    assert found == set(ORDERS)


def same_default(mine, theirs):
    if mine is KIND.empty:
        return False
    if theirs is None or mine is None or not isinstance(theirs, (bool, int, float, str)):
        return True  # None and a type's natural default say the same: `size=()`, `value=0`
    return mine == theirs or (isinstance(mine, (tuple, list)) and list(mine) == [theirs])


NO_REDUCTION = "torch's parser reads the default as 0: torch.kl_div(x, y) is not reduced"
DEFAULTS = {  # op: why a default is not the schema's
    "binary_cross_entropy_with_logits": NO_REDUCTION,
    "contiguous": "the schema has the number of the memory format",
    "conv1d": "one overload has 0, the other 'valid': the same",
    "conv2d": "one overload has 0, the other 'valid': the same",
    "conv3d": "one overload has 0, the other 'valid': the same",
    "cosine_embedding_loss": NO_REDUCTION,
    "ctc_loss": NO_REDUCTION,
    "hinge_embedding_loss": NO_REDUCTION,
    "kl_div": NO_REDUCTION,
    "margin_ranking_loss": NO_REDUCTION,
    "norm": "a Python function in torch, whose default is 'fro'",
    "triplet_margin_loss": NO_REDUCTION,
}


def test_defaults_are_those_of_the_schema():
    wrong = {}
    for name, (o, overloads) in compared().items():
        shown = inspect.signature(o.fn).parameters
        for s in overloads:
            for a in s.arguments:
                p = shown.get(taken(o.fn, o.also, spoken(a)))
                if p is None or not a.has_default_value() or name in OTHER:
                    continue
                if not same_default(p.default, a.default_value):
                    wrong.setdefault(name, set()).add((a.name, str(p.default), a.default_value))
    assert {n: w for n, w in wrong.items() if n not in DEFAULTS} == {}
    assert set(wrong) == set(DEFAULTS), "no longer different"


def test_a_wrong_name_order_or_default_is_seen():
    class Fake:
        also = ops.NO_NAMES

        @staticmethod
        def fn(input, keepdim=False, dim=None):  # noqa: A002
            """Not sum's order."""

    schemas = aten_overloads()["sum"]
    assert refused(Fake, schemas) == {"dtype"}
    assert any(disordered(Fake, s) for s in schemas)
    assert not same_default(1, 2) and not same_default(KIND.empty, 2) and same_default(2, 2)


# --- Python functions of torch.nn.functional ------------------------------------------------------


def test_functionals_take_the_arguments_of_torchs():
    torch = pytest.importorskip("torch")
    wrong = {}
    for name, theirs in vars(torch.nn.functional).items():
        mine = getattr(franken.nn.functional, name, None)
        if name.startswith("_") or mine is None or not inspect.isfunction(theirs):
            continue
        want = inspect.signature(theirs).parameters.values()
        if {p.name for p in want} <= {"args", "kwargs"}:
            continue
        have = inspect.signature(mine).parameters
        named = [p.name for p in want if p.kind is not KIND.VAR_KEYWORD]
        if [n for n in have if n in named and n != "out"] != [n for n in named if n != "out"]:
            wrong[name] = (list(have), named)
        for p in want:
            q = have.get(p.name)
            if q is not None and p.default is not KIND.empty and not same_default(
                q.default, p.default
            ):  # fmt: skip
                wrong[name] = (p.name, q.default, p.default)
    assert not wrong


# --- Python functions and classes of the other modules --------------------------------------------

MODULES = (
    "autograd", "autograd.forward_ad", "autograd.functional", "autograd.gradcheck",
    "autograd.graph", "func", "nn", "nn.init", "nn.utils", "nn.utils.parametrizations",
    "nn.utils.parametrize", "nn.utils.rnn", "optim", "optim.lr_scheduler", "optim.swa_utils",
    "random", "serialization", "signal.windows", "testing", "utils.checkpoint", "utils.data",
    "utils.data.distributed",
)  # fmt: skip
APART = {  # why a signature is not torch's
    "nn.Module.forward": "torch's shows one argument, and takes what the module takes",
    "nn.Module.modules": "torch's takes remove_duplicate",
    "nn.Transformer.__init__": "None stands for relu",
    "nn.TransformerEncoderLayer.__init__": "None stands for relu",
    "nn.TransformerDecoderLayer.__init__": "None stands for relu",
    "autograd.NestedIOFunction": "torch's is an old style function",
    "autograd.no_grad.__init__": "ours counts what it is given, for the words of the error",
    "func.jacfwd": "ours takes chunk_size, as jacrev",
    "func.jacrev": "torch's has an argument of its own",
    "random.fork_rng": "ours is looked up again, and shows what it passes on",
    "utils.data.random_split": "None stands for the default generator",
}


def parameters_of(fn):
    try:
        found = list(inspect.signature(fn).parameters.values())
    except (ValueError, TypeError):
        return None
    return [(p.name, p.kind, said(p.default)) for p in found if p.name not in ("self", "cls")]


def said(default):
    """A default as it can be compared: a function or a dtype by its name."""
    name = getattr(default, "__name__", None)
    plain = isinstance(default, (bool, int, float, str, tuple, list, type(None)))
    return name or (default if plain else str(default).rpartition(".")[2])


def public_functions(space):
    """Its functions, and those of its classes, by name: pairs of torch's and ours."""
    theirs, mine = (importlib.import_module(f"{lib}.{space}") for lib in ("torch", "franken"))
    for name, value in vars(theirs).items():
        here = str(getattr(value, "__module__", "")).startswith(f"torch.{space}")
        own = getattr(mine, name, None)
        if name.startswith("_") or own is None or not here:
            continue
        if inspect.isclass(value) and inspect.isclass(own):
            for method, body in vars(value).items():
                public = method == "__init__" or not method.startswith("_")
                if public and inspect.isfunction(body) and hasattr(own, method):
                    yield f"{space}.{name}.{method}", body, getattr(own, method)
        elif inspect.isfunction(value):
            yield f"{space}.{name}", value, own


@pytest.mark.parametrize("space", MODULES)
def test_signatures_of_python_functions_are_torchs(space):
    pytest.importorskip("torch")
    wrong = {}
    for name, theirs, mine in public_functions(space):
        want, have = parameters_of(theirs), parameters_of(mine)
        if want is None or have is None or any(name.startswith(a) for a in APART):
            continue
        if want != have:
            wrong[name] = ([p for p in have if p not in want], [p for p in want if p not in have])
    assert not wrong


# --- what users see ------------------------------------------------------------------------------


def test_out_is_shown_by_every_function_that_takes_it():
    public = {n: o for n, o in OPS.items() if o.at}
    shown = {n: inspect.signature(o.function).parameters.get("out") for n, o in public.items()}
    assert [n for n, o in public.items() if o.out and shown[n] is None] == []
    there = {n: p for n, p in shown.items() if p is not None}
    assert len(there) > 300
    apart = [n for n, p in there.items() if p.kind is not KIND.KEYWORD_ONLY or p.default]
    assert apart == ["lu"]  # a Python function in torch, with `out` by position


def test_help_shows_the_signature():
    text = pydoc.render_doc(franken.cumsum, renderer=pydoc.plaintext)
    assert "cumsum(input: 'Tensor', dim: 'int', *, dtype: 'Any' = None, out: " in text


def test_a_function_of_torch_calls_a_matrix_input():
    assert next(iter(inspect.signature(franken.linalg.det).parameters)) == "A"
    assert next(iter(inspect.signature(franken.det).parameters)) == "input"


def test_unknown_names_are_refused():
    x = franken.ones(2)
    for fn in (franken.exp, franken.sum, franken.add, x.sum, x.add):
        with pytest.raises(TypeError, match="unexpected keyword argument 'foo'|missing"):
            fn(x, foo=1)
    with pytest.raises(TypeError):
        franken.sum(x, dim=0, axis=0)


def test_a_module_that_does_not_exist_is_not_proposed():
    with pytest.raises(AttributeError) as error:
        franken.linal  # noqa: B018
    assert "linalg" in str(error.value)
    if not hasattr(franken, "distributions"):
        with pytest.raises(AttributeError) as error:
            franken.distributions  # noqa: B018
        assert "names are: distributions" not in str(error.value)


# --- calls ---------------------------------------------------------------------------------------

# Each is run by both; `t` is the library. Values, dtypes and kinds of error must agree.
CALLS = """
t.exp(x=t.ones(2)) t.exp(a=t.ones(2)) t.add(x1=t.ones(2),x2=t.ones(2)) t.det(input=t.eye(2))
t.linalg.det(A=t.eye(2)) t.linalg.inv(A=t.eye(2)) t.linalg.slogdet(A=t.eye(2)).logabsdet
t.linalg.matrix_power(input=t.eye(2),n=2) t.linalg.vector_norm(x=t.ones(2))
t.pow(t.ones(2),exponent=2) t.pow(self=2,exponent=t.ones(2)) t.ones(2).pow(exponent=3)
t.ones(2).pow_(exponent=t.ones(2)) t.heaviside(t.zeros(2),values=t.ones(2))
t.special.hermite_polynomial_h(x=t.ones(2),n=2) t.special.airy_ai(x=t.zeros(1))
t.isin(elements=t.arange(3),test_element=2) t.isin(element=2,test_elements=t.arange(3))
t.histogram(t.arange(4.)).hist t.fft.rfftfreq(4,pin_memory=False)
t.result_type(tensor=t.ones(2),other=3) t.result_type(scalar=3,tensor=t.ones(2))
t.result_type(scalar1=3,scalar2=2.5) t.repeat_interleave(repeats=t.tensor([1,2]))
t.repeat_interleave(t.tensor([1,2]),output_size=3)
t.tensor_split(t.arange(4),tensor_indices_or_sections=t.tensor([1]))[1]
t.tensor_split(t.arange(4),sections=2)[1] t.ones(2,3).sum_to_size(size=(1,3))
t.hash_tensor(t.ones(2)) t.argsort(t.tensor([2,1]),stable=True,out=t.empty(2,dtype=t.long))
t.cholesky_solve(t.ones(2,1),input2=t.eye(2)) t.orgqr(t.eye(2),input2=t.zeros(2))
t.eye(2).orgqr(input2=t.zeros(2)) t.linalg.lstsq(t.eye(2),b=t.ones(2,1)).solution
t.zeros(2).copy_(other=t.ones(2)) t.abs_(input=-t.ones(2)) t.fill_(input=t.ones(2),value=3)
t.zero_(input=t.ones(2)) t.exp_(input=t.ones(2))
t.as_strided_(input=t.arange(4.),size=(2,),stride=(2,)) t.ones(2,1).squeeze_(axis=1)
t.ones(2,3).cumsum_(axis=0) t.sum(t.ones(2,3),axis=0,keepdims=True) t.ones(2,3).sum(axis=(0,1))
t.argmax(t.ones(2,3),axis=1) t.cat(tensors=(t.ones(1),t.ones(1)),axis=0) t.add(3,2) t.add(3,2.5)
t.sub(3,2) t.mul(3,2j) t.div(3,2) t.div(3,2,rounding_mode="floor") t.floor_divide(7,2) t.pow(3,2)
t.remainder(3,2) t.maximum(3,2) t.add(True,1) t.mul(2,t.ones(2)) t.add(t.ones(2),2,t.ones(2))
t.ones(2).add(2,3) t.ones(2).add_(2,t.ones(2)) t.sub(t.ones(2),2,t.ones(2)) t.rsub(t.ones(2),2,3)
t.add(t.ones(2),t.ones(2),2) t.add(t.ones(2),2,3,4) t.std(t.arange(3.),False)
t.var(t.arange(3.),unbiased=False) t.std(t.ones(2,3),1,True,True) t.sum(t.ones(2),dim=None)
t.max(t.arange(3),0).indices t.max(t.arange(3),t.ones(3)) t.where(t.ones(2)>0)[0]
t.linalg.pinv(t.eye(2),atol=t.full((2,),0.1)) t.linalg.tensorsolve(t.eye(2),other=t.ones(2))
t.nuclear_norm(t.eye(3)) t.nuclear_norm(t.eye(3),True) t.nuclear_norm(t.ones(2,3,3),[0,1])
t.frobenius_norm(t.ones(2,3),1) t.frobenius_norm(t.ones(2),0,out=t.empty(()))
t.norm_except_dim(t.ones(2,3)) t.norm_except_dim(t.ones(2,3,4),2,-2)
t.norm_except_dim(t.ones(2,3),1,-1) t.norm_except_dim(t.ones(2,3),2,1)
t.zeros(3,3).fill_diagonal_(2) t.zeros(7,3).fill_diagonal_(2,wrap=True)
t.zeros(7,3).fill_diagonal_(2) t.zeros(3,7).fill_diagonal_(2,wrap=True)
t.zeros(2,2,2).fill_diagonal_(2) t.zeros(2,3,2).fill_diagonal_(2) t.zeros(3).fill_diagonal_(2)
t.zeros(2,2).fill_diagonal_(1j) t.ones(2).apply_(lambda_v_v2)
t.ones(2,dtype=t.long).apply_(lambda_v_v2) t.ones(2,requires_grad=True).apply_(lambda_v_v2)
t.ones(2).apply_(3) t.ones(2,2).map_(t.ones(2),lambda_a_b)
t.ones(2).map_(t.ones(2,dtype=t.long),lambda_a_b) t.ones(2).apply_(str)
t.is_same_size(t.ones(2),t.ones(2)) t.ones(2).is_same_size(t.ones(3)) t.is_distributed(t.ones(2))
t.get_device(t.ones(2)) t.detach(t.ones(2)) t.ones(2).dense_dim() t.ones(2).sparse_dim()
t.embedding_renorm_(t.ones(3,4),t.tensor([0,2]),1.,2.)
t.bilinear(t.ones(2,3),t.ones(2,4),t.ones(5,3,4),None)
t.view_as_real_copy(t.ones(2,dtype=t.complex64)) t.from_dlpack(t.arange(3).__dlpack__())
t.slice_copy(t.arange(4),dim=0,start=1)
"""
NAMED = {"lambda_v_v2": lambda v: v * 2.7, "lambda_a_b": lambda a, b: a + 2 * b}


def outcome(library, call):
    try:
        value = eval(call, {"t": library, **NAMED})
    except (TypeError, RuntimeError, NotImplementedError, ValueError) as error:
        return type(error).__name__
    if hasattr(value, "tolist"):
        return str(value.dtype), tuple(value.shape), value.resolve_neg().reshape(-1).tolist()
    return str(value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS.split())
def test_calls_as_torch(call):
    torch = pytest.importorskip("torch")
    mine, theirs = outcome(franken, call), outcome(torch, call)
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        assert mine[:2] == theirs[:2]
        assert mine[2] == pytest.approx(theirs[2], abs=1e-5)
    else:
        assert mine == theirs


@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"shuffle": False}, {"seed": 3}])
def test_distributed_sampler_gives_torchs_shares(options):
    theirs = pytest.importorskip("torch.utils.data.distributed")
    from franken.utils.data import DistributedSampler

    for n, replicas in ((0, 2), (1, 3), (5, 2), (8, 3), (10, 3)):
        for rank in range(replicas):
            a = DistributedSampler(range(n), replicas, rank, **options)
            b = theirs.DistributedSampler(range(n), replicas, rank, **options)
            a.set_epoch(2), b.set_epoch(2)
            assert len(a) == len(b)
            assert n == 0 or list(a) == list(b)


def test_replaced_batch_norms_use_batch_statistics():
    norm = franken.func.replace_all_batch_norm_modules_(
        franken.nn.Sequential(franken.nn.BatchNorm1d(2))
    )[0]
    assert norm.running_mean is None and norm.num_batches_tracked is None
    franken.func.vmap(norm)(franken.ones(3, 4, 2))
    assert norm.eval()(franken.tensor([[1.0, 2.0], [3.0, 4.0]])).mean().abs() < 1e-6
