"""What editors and type checkers see: stubs are current, and typical programs are understood."""

from __future__ import annotations

import importlib
import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import franken
from conformance.stubs import command, programs
from conformance.stubs.functions import default_text
from conformance.stubs.types import Names, of_schema
from franken.core.op import NAMES
from franken.core.schema import parser

PROGRAMS = sorted(Path(__file__).parent.glob("programs/*.py"))


def test_the_stubs_are_current():
    wrong = command.stale()
    assert not wrong, "run `python -m conformance stubs`\n" + "\n".join(wrong.values())


def test_a_stub_that_is_not_current_is_seen(tmp_path):
    (tmp_path / "linalg.pyi").write_text("def det() -> int: ...\n")
    (tmp_path / "gone.pyi").write_text("")
    wrong = command.stale(tmp_path)
    assert "-def det() -> int: ..." in wrong["linalg.pyi"]
    assert wrong.keys() >= {"__init__.pyi", "core/tensor_methods.pyi"}


def test_the_package_says_that_it_is_typed():
    assert (Path(franken.__file__).parent / "py.typed").is_file()


# Each program is checked by the checker alone; the lines marked `# typo` must be complained of.
def test_mypy_understands_typical_programs_and_finds_the_typos():
    verdict = programs.check("mypy")
    assert verdict.programs == len(PROGRAMS) == 20
    assert verdict.typos >= 3 * len(PROGRAMS)
    assert verdict.found == [] and verdict.missed == []


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
@pytest.mark.parametrize("library", ["franken", "torch"])
def test_the_programs_run(path, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if library == "torch":
        pytest.importorskip("torch")
        text = (
            path.read_text()
            .replace("franken", "torch")
            .replace("import torch as torch", "import torch")
        )
        path = tmp_path / path.name
        path.write_text(text)
    default = importlib.import_module(library).get_default_dtype()
    try:
        runpy.run_path(str(path))["main"]()
    finally:
        importlib.import_module(library).set_default_dtype(default)
        importlib.import_module(library).use_deterministic_algorithms(False)


# --- what TAB shows ------------------------------------------------------------------------------


SPACES = {
    "franken": "torch", "franken.nn.functional": "nn.functional", "franken.linalg": "linalg",
    "franken.fft": "fft", "franken.special": "special", "franken.masked": "masked",
}  # fmt: skip


@pytest.mark.parametrize("module", SPACES)
def test_dir_shows_the_ops_and_no_helpers(module):
    shown = set(dir(importlib.import_module(module)))
    assert shown >= NAMES[SPACES[module]].keys()
    helpers = {"Any", "TYPE_CHECKING", "annotations", "fill", "namespace", "Iterable"}
    assert not shown & helpers - NAMES[SPACES[module]].keys()


def test_dir_shows_the_submodules_in_a_fresh_process():
    code = "import franken as torch; print(*dir(torch)); print(*dir(torch.autograd)); " \
        "print(*dir(torch.utils)); print(*dir(torch.backends))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    top, autograd, utils, backends = (set(line.split()) for line in done.stdout.splitlines())
    assert top >= {"nn", "optim", "linalg", "utils", "save", "load", "Tensor", "float32", "cuda"}
    assert not top & {"core", "ops", "faces", "_face"}
    assert autograd >= {"grad", "Function", "functional", "gradcheck"}
    assert utils >= {"data", "checkpoint", "hooks"} and backends >= {"cudnn", "mkl"}


@pytest.mark.parametrize(
    "module",
    ["nn.modules", "nn.utils", "optim", "optim.lr_scheduler", "func", "testing", "utils.data"],
)
def test_written_all_is_complete(module):
    found = importlib.import_module(f"franken.{module}")
    public = {
        n for n, v in vars(found).items()
        if not n.startswith("_") and (inspect.isclass(v) or inspect.isfunction(v))
        and v.__module__.startswith("franken")
    }  # fmt: skip
    assert set(found.__all__) >= public
    assert all(hasattr(found, name) for name in found.__all__)


# --- the mechanism -------------------------------------------------------------------------------


def test_types_of_schemas():
    taken = parser.parse(
        "f(Tensor self, int[1]? dim, Tensor[] xs, Scalar a, ScalarType? d, Any o) -> Tensor"
    )
    assert [of_schema(a.type) for a in taken.arguments] == [
        "Tensor", "int | Sequence[int] | None", "Sequence[Tensor]", "complex", "dtype | None", None,
    ]  # fmt: skip


def test_annotations_in_a_stubs_spelling():
    names = Names()
    assert (
        names.text("dt.dtype | tuple[Tensor, ...] | None") == "_dtype | tuple[_Tensor, ...] | None"
    )
    assert names.text("Callable[[Any], int]") == "Callable[[Any], _int]"
    assert names.text("SomethingElse | None") == "Any"
    assert names.text("Literal[True]") == "Literal[True]"
    assert "from franken.core.dtypes import dtype as _dtype" in names.imports()


def test_defaults_that_have_no_literal_are_left_out():
    texts = [default_text(v) for v in (None, -1, 0.5, "a", (1, 2), franken.float32, float("inf"))]
    assert texts == ["None", "-1", "0.5", '"a"', "(1, 2)", "...", "..."]
