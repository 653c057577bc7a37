"""The package keeps its shape: imports run downwards, files and functions stay small.

Every rule is a function from a package folder to a list of complaints, read from the syntax trees
alone. The last test breaks each rule once, in a package made for it.
"""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_LINES = 12
MAX_ROOM_FILES = 25

# "path:qualified name" -> why this function may be longer than MAX_FUNCTION_LINES.
# A kernel is one function to Triton: what it holds in registers cannot be passed about in parts.
_ONE_LAUNCH = "one launch, whose parts share registers"
_KERNELS = "triton_kernels/kernels/"
LONG_FUNCTIONS: dict[str, str] = {
    _KERNELS + "products/attention.py:attention_forward_kernel": _ONE_LAUNCH,
    _KERNELS + "products/attention_backward.py:attention_backward_keys_kernel": _ONE_LAUNCH,
    _KERNELS + "images/conv.py:conv_forward_kernel": _ONE_LAUNCH,
    _KERNELS + "images/conv_backward.py:conv_input_kernel": _ONE_LAUNCH,
    _KERNELS + "reductions/scan.py:scan_kernel": _ONE_LAUNCH,
    _KERNELS + "images/grid_sample.py:_cases": "the samples of three ops, which share inputs",
}

# The torch face as a user sees it: the package itself, modules at its top, and these folders.
FACE = {"", "nn", "optim", "utils", "distributions", "faces"}
BELOW_FACES = {
    "core", "backends", "engine", "ops", "autograd", "transforms", "functional", "serialization",
    "runtime", "triton_kernels",
}  # fmt: skip
# folder -> what it may import of franken, as folders or as dotted prefixes; None: anything.
MAY_IMPORT: dict[str, set[str] | None] = {
    "triton_kernels": {"triton_kernels"},
    "core": {"core", "backends"},
    "backends": {"backends", "triton_kernels"},
    # The engine and the transforms know the ops of core alone, and others by their public names.
    "engine": {"core", "engine"},
    "transforms": {"core", "engine", "transforms"},
    "autograd": {
        "core",
        "engine",
        "transforms",
        "autograd",
        "serialization",
        "backends.numpy.random",
    },
    # Rules are written with ops, and the rarest of them with whole transforms.
    "ops": {"core", "backends", "ops", "transforms.api"},
    "functional": {"core", "ops", "functional", "autograd"},
    "serialization": {"core", "serialization"},
    "signal": {"faces", "signal"},
    "data": {"data"},
    "faces": BELOW_FACES | {"faces"},
    "testing": {"", "testing"},
    "nn": FACE,
    "optim": FACE,
    "distributions": FACE,
    "utils": FACE,
    "": None,
    "runtime": None,
    "parity": None,
    "cli": None,
}
NEVER_IMPORTED = {"conformance", "benchmarks", "tests"}
# torch and its like are oracles and rivals; only the tools that compare with them may name them.
ORACLES = {"torch", "scipy", "jax"}
MAY_IMPORT_ORACLES = {"parity", "cli"}
MAY_PRINT = {"cli"}
CATCH_ALL = {"Exception", "BaseException"}


# -- reading the package --


class Module:
    """A file of the package: its path, dotted name below the package, and syntax tree."""

    def __init__(self, package: Path, path: Path) -> None:
        self.package, self.path = package, path
        # The top-level triton_kernels/ is installed inside the package, and judged as there.
        root = package if path.is_relative_to(package) else package.parent
        relative = path.relative_to(root).with_suffix("")
        self.is_package = relative.name == "__init__"
        parts = relative.parts[:-1] if self.is_package else relative.parts
        self.name = ".".join(parts)
        # A single file at the top is part of the face; a folder is a layer of its own.
        self.layer = relative.parts[0] if len(relative.parts) > 1 else ""
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield line and absolute dotted name of everything imported, lazily or not."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                yield from ((node.lineno, self._resolve(base, a.name)) for a in node.names)

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = [self.package.name, *self.name.split(".")] if self.name else [self.package.name]
        parts = parts[: len(parts) - node.level + self.is_package]
        return ".".join(parts + ([node.module] if node.module else []))

    def _resolve(self, base: str, name: str) -> str:
        """Return the module a name comes from: ``base.name`` if that is one, else ``base``."""
        place = self.package.parent.joinpath(*base.split("."), name)
        known = place.is_dir() or place.with_suffix(".py").is_file()
        return f"{base}.{name}" if known or base == self.package.name else base


def read(package: Path) -> list[Module]:
    paths = sorted(package.rglob("*.py")) + sorted(package.parent.glob("triton_kernels/**/*.py"))
    return [Module(package, path) for path in paths]


def functions(module: Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of a module with its qualified name, inner ones too."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{prefix}.{child.name}".lstrip(".")
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield name, child
            yield from walk(child, name)

    return walk(module.tree, "")


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring: examples must not count against it."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return lines
    return lines - (first.end_lineno - first.lineno + 1)


# -- the rules --


def import_complaints(modules: list[Module]) -> list[str]:
    return [
        f"{place(module, line)} {module.layer or 'the face'} imports {name}"
        for module in modules
        for line, name in module.imports()
        if not _may_import(module, name)
    ]


def _may_import(module: Module, name: str) -> bool:
    first, _, rest = name.partition(".")
    if first in NEVER_IMPORTED:
        return False
    if first in ORACLES:
        return module.layer in MAY_IMPORT_ORACLES
    if first != module.package.name:
        return True
    if rest.partition(".")[0] in NEVER_IMPORTED:
        return False
    allowed = MAY_IMPORT.get(module.layer, set())
    return allowed is None or _is_below(rest, _is_folder(module.package, rest), allowed)


def _is_folder(package: Path, name: str) -> bool:
    first = name.partition(".")[0]
    return first != "" and ((package / first).is_dir() or first == "triton_kernels")


def _is_below(name: str, is_folder: bool, allowed: set[str]) -> bool:
    # What lies at the top (`franken`, `franken.linalg`, `franken.Tensor`) is the face's.
    if not is_folder:
        return "" in allowed
    return any(name == prefix or name.startswith(prefix + ".") for prefix in allowed - {""})


def layer_complaints(modules: list[Module]) -> list[str]:
    layers = {module.layer for module in modules}
    return [f"franken/{layer}: no row in MAY_IMPORT" for layer in layers - MAY_IMPORT.keys()]


def size_complaints(modules: list[Module]) -> list[str]:
    counts = [(module, len(module.text.splitlines())) for module in modules]
    return [
        f"{place(module)} {count} lines, at most {MAX_FILE_LINES}"
        for module, count in counts
        if count > MAX_FILE_LINES
    ]


def room_complaints(modules: list[Module]) -> list[str]:
    counts = Counter(module.path.parent for module in modules)
    return [
        f"{folder.name}: {count} files, at most {MAX_ROOM_FILES}"
        for folder, count in sorted(counts.items())
        if count > MAX_ROOM_FILES
    ]


def circle_complaints(modules: list[Module]) -> list[str]:
    """Files that import each other, by whatever way; an import inside a function counts too."""
    root = modules[0].package.name
    graph = {f"{root}.{module.name}".rstrip("."): module for module in modules}
    edges = {
        name: sorted({to for _, to in module.imports() if to in graph} - {name})
        for name, module in graph.items()
    }
    # The package itself collects names from all over and is imported for them by what lies above.
    edges[root] = []
    return [f"circle: {' -> '.join(circle)}" for circle in circles(edges)]


def circles(edges: dict[str, list[str]]) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan, SIAM J. Comput. 1, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for to in edges[node]:
            if to not in index:
                visit(to)
                low[node] = min(low[node], low[to])
            elif to in stack:
                low[node] = min(low[node], index[to])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in edges:
        if node not in index:
            visit(node)
    return found


def function_complaints(modules: list[Module], listed: dict[str, str]) -> list[str]:
    found = {
        f"{place(module)}{name}": length(function)
        for module in modules
        for name, function in functions(module)
    }
    long = {name for name, lines in found.items() if lines > MAX_FUNCTION_LINES}
    complaints = [f"{name}: {found[name]} lines" for name in sorted(long - listed.keys())]
    files = tuple(place(module) for module in modules)
    stale = [name for name in sorted(listed.keys() - long) if name.startswith(files)]
    complaints += [f"{name}: listed, but not long" for name in stale]
    complaints += [f"{name}: listed without a reason" for name, why in listed.items() if not why]
    median = statistics.median(found.values()) if found else 0
    if median > MAX_MEDIAN_LINES:
        complaints.append(f"median function: {median} lines, at most {MAX_MEDIAN_LINES}")
    return complaints


def handler_complaints(modules: list[Module]) -> list[str]:
    return [
        f"{place(module, node.lineno)} catches everything"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type)
    ]


def _catches_all(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(name, ast.Name) and name.id in CATCH_ALL for name in names)


def print_complaints(modules: list[Module]) -> list[str]:
    return [
        f"{place(module, node.lineno)} calls print"
        for module in modules
        if module.layer not in MAY_PRINT
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]


def docstring_complaints(modules: list[Module]) -> list[str]:
    return [f"{place(m)} no docstring" for m in modules if not ast.get_docstring(m.tree)]


def place(module: Module, line: int | None = None) -> str:
    path = module.path.relative_to(module.package.parent).as_posix()
    return f"{path}:" if line is None else f"{path}:{line}:"


# -- the package --

RULES = {
    "imports run downwards": import_complaints,
    "every folder has a rule": layer_complaints,
    "files are short": size_complaints,
    "rooms are small": room_complaints,
    "no circles": circle_complaints,
    "functions are short": lambda modules: function_complaints(modules, LONG_FUNCTIONS),
    "no handler catches everything": handler_complaints,
    "only the command line prints": print_complaints,
    "every module says what it is": docstring_complaints,
}


@pytest.fixture(scope="module")
def package() -> list[Module]:
    modules = read(ROOT / "franken")
    assert modules, "no modules found: the rules would pass on nothing"
    return modules


@pytest.mark.parametrize("rule", RULES)
def test_package_keeps_the_rule(package, rule):
    complaints = RULES[rule](package)
    assert not complaints, "\n" + "\n".join(complaints)


def test_kernel_package_runs_no_code():
    # A checkout reaches the kernels without running this file, a wheel runs it.
    body = ast.parse((ROOT / "triton_kernels" / "__init__.py").read_text()).body
    assert len(body) == 1 and isinstance(body[0], ast.Expr)


# -- that the rules can fail --

DOC = '"""Say something."""\n'


def make(folder: Path, files: dict[str, str]) -> list[Module]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DOC + text)
    return read(folder / "franken")


TREE = {
    "franken/__init__.py": "from .faces import torch\nfrom franken.nn import modules\n",
    "franken/linalg.py": "",
    "franken/core/dtypes.py": "",
    "franken/core/errors.py": "",
    "franken/core/tensor.py": "from .dtypes import x\nfrom ..backends import numpy\nimport numpy\n",
    "franken/backends/__init__.py": "",
    "franken/ops/matmul.py": "from ..backends import numpy\nfrom franken.core.tensor import T\n",
    "franken/functional/loss.py": "import franken.autograd\nfrom ..ops.matmul import matmul\n",
    "franken/engine/passes.py": "from ..core import tensor\n",
    "franken/autograd/api.py": "from ..transforms import jvp\n",
    "franken/transforms/jvp.py": "",
    "franken/faces/torch.py": "from ..functional import loss\nfrom ..core import tensor\n",
    "franken/nn/modules.py": "import franken\nfrom franken import linalg, Tensor\n",
    "franken/nn/linear.py": "from ..faces import torch\nfrom .modules import M\n",
    "franken/cli/run.py": "import torch\nprint('x')\n",
    "triton_kernels/kernels/rows/softmax.py": "import triton\nfrom . import tanh\n",
}  # fmt: skip


def test_rules_accept_what_they_should(tmp_path):
    modules = make(tmp_path, TREE)
    assert [complaint for rule in RULES.values() for complaint in rule(modules)] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("franken/core/bad.py", "from ..ops import matmul\n"),
        ("franken/core/bad.py", "import franken.ops.matmul\n"),
        ("franken/core/bad.py", "import franken\n"),
        ("franken/core/bad.py", "from franken import Tensor\n"),
        ("franken/core/bad.py", "from .. import ops\n"),
        ("franken/core/bad.py", "def f():\n    from franken.faces.torch import T\n"),
        ("franken/core/bad.py", "def f():\n    import torch\n"),
        ("franken/core/deep/__init__.py", "from ...ops import matmul\n"),
        ("franken/core/bad.py", "if TYPE_CHECKING:\n    from franken.nn import modules\n"),
        ("franken/backends/bad.py", "from ..core import tensor\n"),
        ("franken/backends/bad.py", "from ..core.tensor import Tensor\n"),
        ("franken/backends/numpy/bad.py", "from ...core.tensor import Tensor\n"),
        ("franken/ops/bad.py", "from ..autograd import hooks\n"),
        ("franken/autograd/bad.py", "from ..functional import loss\n"),
        ("franken/transforms/bad.py", "from ..backends import numpy\n"),
        ("franken/functional/bad.py", "from ..faces import torch\n"),
        ("franken/faces/bad.py", "from ..nn import modules\n"),
        ("franken/faces/bad.py", "from .. import linalg\n"),
        ("franken/nn/bad.py", "from ..core.tensor import Tensor\n"),
        ("franken/nn/bad.py", "from franken.functional import loss\n"),
        ("franken/serialization/bad.py", "from ..ops import matmul\n"),
        ("franken/data/bad.py", "from ..nn import modules\n"),
        ("franken/cli/bad.py", "import conformance.runner\n"),
        ("franken/bad.py", "def f():\n    from conformance import runner\n"),
        ("triton_kernels/bad.py", "from franken.core import dtypes\n"),
        ("triton_kernels/bad.py", "import franken.core.dtypes\n"),
    ],
)
def test_import_rule_refuses(tmp_path, path, text):
    complaints = import_complaints(make(tmp_path, {**TREE, path: text}))
    assert len(complaints) == 1 and complaints[0].startswith(path)


LONG = "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES


@pytest.mark.parametrize(
    ("rule", "text", "complaint"),
    [
        ("files are short", "x = 1\n" * MAX_FILE_LINES, "801 lines"),
        ("functions are short", LONG + "\ndef g(): pass\n\ndef h(): pass\n", ":f: 61 lines"),
        ("functions are short", "def f():\n" + "    x = 1\n" * MAX_MEDIAN_LINES, "median"),
        ("no handler catches everything", "try: pass\nexcept: pass\n", "catches"),
        ("no handler catches everything", "try: pass\nexcept Exception: pass\n", "catches"),
        ("no handler catches everything", "try: pass\nexcept (A, BaseException): 1\n", "catches"),
        ("only the command line prints", "print('x')\n", "calls print"),
    ],
)
def test_other_rules_refuse(tmp_path, rule, text, complaint):
    complaints = RULES[rule](make(tmp_path, {**TREE, "franken/bad.py": text}))
    assert len(complaints) == 1 and complaint in complaints[0]


def test_room_rule_refuses(tmp_path):
    many = {f"franken/core/f{i}.py": "" for i in range(MAX_ROOM_FILES)}
    complaints = room_complaints(make(tmp_path, {**TREE, **many}))
    assert len(complaints) == 1 and complaints[0].startswith("core: 2")


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("from franken.core import errors\n", "from franken.core.dtypes import x\n"),
        ("from . import errors\n", "def f():\n    from .dtypes import x\n"),
    ],
)
def test_circle_rule_refuses(tmp_path, there, back):
    files = {"franken/core/dtypes.py": there, "franken/core/errors.py": back}
    complaints = circle_complaints(make(tmp_path, {**TREE, **files}))
    assert complaints == ["circle: franken.core.dtypes -> franken.core.errors"]


def test_folder_rule_refuses(tmp_path):
    complaints = layer_complaints(make(tmp_path, {**TREE, "franken/other/bad.py": ""}))
    assert complaints == ["franken/other: no row in MAY_IMPORT"]


def test_docstring_rule_refuses(tmp_path):
    modules = make(tmp_path, TREE)
    (tmp_path / "franken" / "linalg.py").write_text("x = 1\n")
    assert docstring_complaints(modules) == []
    complaints = docstring_complaints(read(tmp_path / "franken"))
    assert complaints == ["franken/linalg.py: no docstring"]


def test_long_functions_need_a_reason_and_stale_ones_go(tmp_path):
    modules = make(tmp_path, {"franken/a.py": LONG + "\ndef g(): pass\n\ndef h(): pass\n"})
    assert function_complaints(modules, {"franken/a.py:f": "a table in disguise"}) == []
    assert function_complaints(modules, {"franken/a.py:f": ""}) == [
        "franken/a.py:f: listed without a reason"
    ]
    assert "franken/a.py:g: listed, but not long" in function_complaints(
        modules, {"franken/a.py:f": "x", "franken/a.py:g": "x"}
    )


def test_docstrings_do_not_count_as_length(tmp_path):
    text = 'def f():\n    """Say.\n' + "    more\n" * 80 + '    """\n    return 1\n'
    assert function_complaints(make(tmp_path, {"franken/a.py": text}), {}) == []
