"""Modules that programs touch: what they answer is what torch answers, and which exist at all."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import sys
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from pathlib import Path

import pytest

import franken
from franken.faces import pytree
from franken.faces.hook import places
from franken.faces.names import modules
from franken.faces.torch import ELSEWHERE

torch = pytest.importorskip("torch")
ROOT = Path(franken.__file__).parent


def outcome(run):
    """What a call gives: a value, or the type and words of its error."""
    try:
        return run()
    except (ValueError, RuntimeError, TypeError, AssertionError, AttributeError) as error:
        return type(error).__name__, str(error)


def agree(program):
    """Run a program with torch and with franken."""
    theirs, ours = outcome(lambda: program(torch)), outcome(lambda: program(franken))
    assert ours == theirs


# --- which modules there are ---------------------------------------------------------------------


def files():
    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        yield "torch." + name.removesuffix(".__init__")


def is_torchs(name):
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # below a module that is no package, or has no spec
        return hasattr(sys.modules.get(name.rpartition(".")[0]), name.rpartition(".")[2])


def test_no_module_is_served_that_torch_does_not_have():
    served = {n for n in files() if n != "torch.__init__" and places.behind(n)}
    served |= {f"torch.{n}" for n in ELSEWHERE} | {*modules()}
    served.remove("torch.ops.aten")  # an attribute in torch, which cannot be imported
    assert len(served) > 120
    for name in ("torch.jit.annotations", "torch._dynamo", "torch.onnx"):
        importlib.import_module(name)
    assert not sorted(n for n in served if not is_torchs(n))


def test_every_module_served_can_be_loaded():
    for name in ELSEWHERE:
        module = importlib.import_module(places.behind(f"torch.{name}"))
        for public in getattr(module, "__all__", ()):
            assert hasattr(module, public), f"{name}.{public}"


# --- versions ------------------------------------------------------------------------------------

VERSIONS = [
    "2.13.0", "2.13", "2.13.0a0", "2.13.0rc1", "2.13.0.post1", "2.13.0.dev5", "2.13.0a1.dev2",
    "2.13.0+cpu", "2.13.0+cu130.2", "1!0.1", "2.12.9", "2.9", "10.0", "v2.13.0", "nightly", "",
    (2,), (2, 13), (2, 13, 0), (2, "13rc1"), ("x", 1), None, 2.13, [2, 14],
]  # fmt: skip


@pytest.mark.parametrize("method", ["__lt__", "__le__", "__gt__", "__ge__", "__eq__"])
def test_versions_compare_as_torchs(method):
    for mine, other in itertools.product(["2.13.0", "2.13.0a0+git1", "2.13.0.post2"], VERSIONS):
        agree(lambda t, a=mine, b=other: getattr(t.torch_version.TorchVersion(a), method)(b))


def test_versions_are_strings():
    version = franken.torch_version.TorchVersion("2.13.0")
    assert isinstance(version, str) and hash(version) == hash("2.13.0")
    assert f"{version}".split(".") == ["2", "13", "0"]


# --- devices that are not there ------------------------------------------------------------------

CALLS = [
    f"{module}.{call}"
    for module in ("xpu", "mps", "mtia")
    for call in ("is_available()", "device_count()", "synchronize()", "empty_cache()")
] + [
    "xpu.is_initialized()", "xpu.manual_seed_all(1)", "xpu.current_device()",
    "cpu.is_available()", "cpu.device_count()", "cpu.current_device()", "cpu.synchronize()",
    "accelerator.is_available()", "accelerator.device_count()", "accelerator.current_accelerator()",
    "accelerator.current_device_index()", "accelerator.synchronize()", "accelerator.empty_cache()",
    "backends.kleidiai.is_available()", "backends.cusparselt.is_available()",
    "backends.mha.get_fastpath_enabled()", "compiler.is_compiling()", "compiler.is_exporting()",
    "compiler.get_default_backend()", "jit.is_scripting()", "jit.is_tracing()",
    "onnx.is_in_onnx_export()", "_C._get_tracing_state()", "get_default_device().type",
    "distributed.is_initialized()", "distributed.get_rank()", "distributed.get_world_size()",
    "multiprocessing.get_sharing_strategy()", "multiprocessing.set_sharing_strategy('x')",
    "mtia.memory_allocated()", "compile(max, mode='a', options={})",
    "utils.benchmark.Timer('1').timeit(5).title",
    "accelerator.memory_allocated()",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_answers(call):
    if call.startswith("accelerator") and franken.cuda.is_available():
        pytest.skip("there is a GPU, which torch's CPU build does not see")
    importlib.import_module("torch.utils.benchmark")
    agree(lambda t: eval(call, {name: getattr(t, name) for name in call_names(call)}))


def call_names(call):
    return {call.partition(".")[0].partition("(")[0], "ones"}


# --- trees ---------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")
TREES = [
    1, None, [], (1, [2, {"a": 3, "b": (4,)}]), {"b": 1, "a": [2, 3]}, Pair(1, {"x": [2]}),
    OrderedDict(z=1, y=(2,)), defaultdict(list, k=[1]), deque([1, (2, 3)], maxlen=4),
]  # fmt: skip


def named(kind):
    return kind and kind.__name__


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_trees(tree):
    import torch.utils._pytree as theirs

    def program(p):
        leaves, spec = p.tree_flatten(tree)
        return (
            leaves, spec.num_leaves, spec.num_nodes, spec.num_children, named(spec.type),
            spec.context,
            isinstance(spec, p.LeafSpec), p.tree_unflatten(leaves, spec) == tree,
            p.tree_is_leaf(tree),
            p.tree_map(lambda x: (x, 0), tree), p.tree_map_only(int, lambda x: -x, tree),
            [(p.keystr(path), p.key_get(tree, path), leaf)
             for path, leaf in p.tree_leaves_with_path(tree)],
            p.tree_all_only(int, lambda x: x > 1, tree),
            p.tree_any_only(int, lambda x: x > 1, tree),
            p.arg_tree_leaves(tree, 7, k=tree), p.is_namedtuple(tree), p.treespec_pprint(spec),
        )  # fmt: skip

    assert program(pytree) == program(theirs)


def test_containers_of_users():
    import dataclasses

    import torch.utils._pytree as theirs

    def program(p):
        @dataclasses.dataclass
        class Point:
            x: object
            y: object

        class Box(list):
            pass

        class Fixed:
            pass

        p.register_dataclass(Point)
        p.register_pytree_node(Box, lambda b: (list(b), len(b)), lambda kids, n: Box(kids))
        p.register_constant(Fixed) if p is pytree else None
        point = p.tree_map(lambda v: v * 2, Point(1, [2, Box([3])]))
        paths = [p.keystr(path) for path, _ in p.tree_leaves_with_path(Point(1, (2,)))]
        again = outcome(lambda: p.register_pytree_node(Box, list, list))
        return point.x, point.y, type(point.y[1]).__name__, paths, again[0]

    assert program(pytree) == program(theirs)


# --- tasks, scripts, profiles --------------------------------------------------------------------

PROGRAMS = {
    "then": lambda t: chained(t.futures, lambda f: f.value() + 1),
    "then fails": lambda t: chained(t.futures, lambda f: f.value() + "x"),
    "collect": lambda t: collected(t.futures),
    "fork": lambda t: t.jit.wait(t.jit.fork(max, 1, 3)),
    "isinstance": lambda t: [
        t.jit.isinstance([1, 2], list[int]), t.jit.isinstance({"a": [1.0]}, dict[str, list[float]]),
        t.jit.isinstance((1, "a"), tuple[int, str]), t.jit.isinstance([1, "a"], list[int]),
        t.jit.isinstance(None, int | None), t.jit.isinstance(3, (int, str)),
    ],
    "script": lambda t: t.jit.script(t.nn.Linear(2, 2)).training,
    "script function": lambda t: [
        type(t.jit.script(doubled)).__name__, t.jit.script(doubled)(t.ones(1)).item()
    ],
    "traced": lambda t: t.jit.trace(doubled, t.ones(2))(t.ones(3)).tolist(),
    "freeze": lambda t: t.jit.freeze(t.jit.script(t.nn.Linear(2, 2).train())),
    "marks": lambda t: [
        f(doubled)(2) for f in (t.jit.unused, t.jit.export, t.jit.ignore(), t.jit.ignore,
                                t.compiler.disable, t.compiler.disable(), t._dynamo.disable)
    ],
    "compiled": lambda t: t.compile(backend="eager")(doubled)(4),
    "annotate": lambda t: t.jit.annotate(int, 4),
}  # fmt: skip


def doubled(x):
    return x * 2


def chained(futures, callback):
    first = futures.Future()
    last = first.then(callback)
    first.set_result(1)
    return first.done(), last.wait()


def collected(futures):
    some = [futures.Future() for _ in range(3)]
    every = futures.collect_all(some)
    for at, future in enumerate(some):
        future.set_result(at)
    return [f.value() for f in every.wait()], futures.wait_all(some), every.done()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_programs(name):
    ours, theirs = (outcome(lambda t=t: PROGRAMS[name](t)) for t in (franken, torch))
    if name == "then fails":  # torch tells the callback's error as text, with its traceback
        assert theirs[0] == "RuntimeError" and ": ".join(ours) in theirs[1]
        return
    assert ours == theirs


@pytest.mark.filterwarnings("ignore:Profiler won't be using warmup")
def test_schedules():
    grid = itertools.product((0, 1), (0, 1), (1, 2), (0, 2), (0, 3), (0, 1))
    for wait, warmup, active, repeat, skip, skip_wait in grid:
        plans = [
            t.profiler.schedule(
                wait=wait, warmup=warmup, active=active, repeat=repeat, skip_first=skip,
                skip_first_wait=skip_wait,
            )
            for t in (torch, franken)
        ]  # fmt: skip
        steps = [[plan(step).name for step in range(12)] for plan in plans]
        assert steps[1] == steps[0], (wait, warmup, active, repeat, skip, skip_wait)
    agree(lambda t: t.profiler.schedule(wait=-1, warmup=1, active=1))
    agree(lambda t: t.profiler.schedule(wait=0, warmup=1, active=1)(-1))


def test_profiles_nest_and_add_up(tmp_path):
    seen = []
    with franken.profiler.profile(
        schedule=franken.profiler.schedule(wait=0, warmup=1, active=1),
        on_trace_ready=lambda p: seen.append(p.step_num), record_shapes=True,
    ) as prof:  # fmt: skip
        for _ in range(4):
            with franken.profiler.record_function("block"):
                (franken.ones(3, requires_grad=True) * 2).sum().backward()
            prof.step()
    assert seen == [1, 3]
    rows = {row.key: row for row in prof.key_averages(group_by_input_shape=False)}
    assert {"block", "aten::mul", "aten::sum"} <= {*rows}
    block = rows["block"]
    inner = sum(r.self_cpu_time_total for k, r in rows.items() if k != "block")
    assert block.count == 1 and block.self_cpu_time_total >= 0
    assert block.cpu_time_total == pytest.approx(block.self_cpu_time_total + inner)
    table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=1)
    assert "block" in table and "aten::mul" not in table and "Self CPU time total" in table
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    assert '"aten::mul"' in (tmp_path / "trace.json").read_text()


def test_entry_points_of_a_folder(tmp_path):
    (tmp_path / "hubconf.py").write_text(
        "from helper import size\n"
        "def net(n=size):\n    'A net.'\n    return list(range(n))\n"
        "def _hidden(): pass\n"
    )
    (tmp_path / "helper.py").write_text("size = 3\n")
    assert franken.hub.load(tmp_path, "net", source="local") == [0, 1, 2]
    assert franken.hub.load(tmp_path, "net", 1, source="local") == [0]
    assert franken.hub.list(tmp_path, source="local") == ["net"]
    assert franken.hub.help(tmp_path, "net", source="local") == "A net."
    agree(lambda t: t.hub.load(os.fspath(tmp_path), "no", source="local", trust_repo=True))
    agree(lambda t: t.hub.load(os.fspath(tmp_path), "net", source="ftp"))
    with pytest.raises(NotImplementedError, match="fetches nothing"):
        franken.hub.load("owner/name", "net")
    sys.modules.pop("helper")


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.jit.save(None, "x"), lambda t: t.jit.load("x"), lambda t: t.jit.ScriptModule(),
        lambda t: t.export.export(None, ()), lambda t: t.onnx.export(None, ()),
        lambda t: t.fx.symbolic_trace(None), lambda t: t.distributed.init_process_group("gloo"),
    ],
)  # fmt: skip
def test_what_cannot_work_says_so_when_it_is_used(use):
    with pytest.raises(NotImplementedError, match=r"franken|torch\.jit"):
        use(franken)


def test_names_that_lie_elsewhere_are_dressed_as_module_members():
    assert franken.utils._pytree is pytree
    assert "jit" in dir(franken) and "compile" in dir(franken)
    assert franken._C.Generator is franken.Generator
    assert franken._C._VariableFunctions.relu is franken.relu
    assert "franken" in franken.utils.collect_env.get_pretty_env_info()


# --- precision -----------------------------------------------------------------------------------

BLOCKS = [
    ("cpu", {"enabled": False}), ("cuda", {}), ("cuda", {"dtype": "float32"}), ("mps", {}),
    ("cpu", {"dtype": "float32"}), ("xpu", {"enabled": False}), ("meta", {}), ("nonsense", {}),
    (3, {}),
]  # fmt: skip


def told(program, t):
    """What a call gives, and what it warns of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        return outcome(lambda: program(t)), [(w.category, str(w.message)) for w in seen]


@pytest.mark.parametrize(("device", "settings"), BLOCKS, ids=str)
def test_autocast_that_is_off(device, settings):
    def program(t):
        given = {k: getattr(t, v) if k == "dtype" else v for k, v in settings.items()}
        with t.autocast(device, **given):
            inside = (t.ones(2, 2) @ t.ones(2, 2)).dtype
        decorated = t.amp.autocast(device, **given)(lambda: t.is_autocast_enabled("cpu"))()
        return str(inside), decorated, t.get_autocast_dtype("cpu") is t.bfloat16

    if device == "cuda" and franken.cuda.is_available():
        pytest.skip("there is a GPU, which torch's CPU build does not see")
    assert told(program, franken) == told(program, torch)


def test_autocast_that_would_be_at_work_is_refused():
    with pytest.raises(NotImplementedError, match="enabled=False"), franken.autocast("cpu"):
        pass


@pytest.mark.parametrize("bad", [None, 1, 2, 4], ids=str)
def test_gradients_are_scaled_and_bad_steps_left_out(bad):
    def program(t):
        net = t.nn.Linear(2, 1)
        with t.no_grad():
            net.weight.fill_(0.5), net.bias.fill_(0.25)
        optimizer = t.optim.SGD(net.parameters(), lr=0.125)
        scaler = t.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        seen = []
        for step in range(6):
            optimizer.zero_grad()
            loss = net(t.ones(3, 2) * (float("inf") if step == bad else 1.0)).sum()
            scaled, _ = scaler.scale((loss, [loss]))
            scaled.backward()
            if step % 2:
                scaler.unscale_(optimizer)
                seen.append(outcome(lambda: scaler.unscale_(optimizer)))
            done = scaler.step(optimizer)
            seen += [done, outcome(lambda: scaler.step(optimizer)), scaler.get_scale()]
            seen.append(outcome(lambda: scaler.unscale_(optimizer)))
            scaler.update()
            seen += [scaler.state_dict(), net.weight.tolist()]
        other = t.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        seen += [other.state_dict(), outcome(other.update), outcome(scaler.update)]
        seen.append(outcome(lambda: other.unscale_(optimizer)))
        seen.append(outcome(lambda: other.load_state_dict({})))
        return seen, outcome(lambda: t.amp.GradScaler("cpu", growth_factor=1.0)), off(t)

    def off(t):
        scaler = t.amp.GradScaler(enabled=False)
        return scaler.scale(3), scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()

    assert program(franken) == program(torch)


@pytest.mark.parametrize("name", ["autocast", "GradScaler"])
def test_older_names_of_precision_warn(name):
    if franken.cuda.is_available():
        pytest.skip("there is a GPU, which torch's CPU build does not see")
    amp = {t: importlib.import_module(f"{t.__name__}.cuda.amp") for t in (torch,)}
    amp[franken] = importlib.import_module(places.behind("torch.cuda.amp"))
    ours, theirs = (told(lambda t: getattr(amp[t], name)() and None, t) for t in (franken, torch))
    assert ours == theirs
