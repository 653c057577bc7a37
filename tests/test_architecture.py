"""docs/architecture.md tells the truth: its rooms, its floors, and the way of one line.

The page is read as text; what it says is compared with folders, with the import rules, and with the
files that a line of a user's program enters.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import franken
import tests.test_structure as structure
from franken.core.primitive import PRIMITIVES

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def folders(root: Path) -> set[str]:
    """Folders that hold modules of their own."""
    found = set()
    for path in (*root.glob("franken/**/*.py"), *root.glob("triton_kernels/**/*.py")):
        if path.name != "__init__.py":
            found.add(path.parent.relative_to(root).as_posix())
    return found


def test_every_room_is_listed_and_every_listed_room_exists():
    listed = re.findall(r"^\| `([\w/]+)` \|", section("The rooms"), re.MULTILINE)
    assert len(listed) == len(set(listed))
    kinds = {f for f in folders(ROOT) if f.startswith("triton_kernels/kernels/")}
    assert set(listed) == folders(ROOT) - kinds - {"franken"} | {"triton_kernels/kernels"}


def floors() -> list[str]:
    """The floors of the page from the top down, the first one without the faces beside it."""
    lines = re.findall(r"^    ([\w, ]+?)   ", section("The floors"), re.MULTILINE)
    return [line for line in lines if line in structure.MAY_IMPORT]


def test_imports_are_allowed_downwards_only():
    order = floors()
    assert len(order) >= 7 and order[-1] == "triton_kernels"
    for at, floor in enumerate(order):
        allowed = {name.partition(".")[0] for name in structure.MAY_IMPORT[floor]}
        assert not allowed & set(order[:at]), floor


def entered(run) -> list[str]:
    """The package's files whose functions run, in the order of their first call."""
    folder = str(ROOT / "franken") + "/"
    seen: list[str] = []

    def note(frame, event, _):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(folder):
            short = "franken/" + name[len(folder) :]
            if short not in seen:
                seen.append(short)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return seen


def test_the_way_of_one_line_is_as_told():
    told = re.findall(
        r"^\d+\. `(franken/[\w/]+\.py)`", section("The way of one line"), re.MULTILINE
    )
    x, w = franken.randn(4, 3), franken.randn(3, 2, requires_grad=True)
    for plan in PRIMITIVES.values():
        plan.plans.clear()  # plans are made at first need, which others may have had before
    seen = entered(lambda: (x @ w).relu().sum().backward())
    assert len(told) > 9
    assert [file for file in seen if file in told] == told


# --- kernels that a GPU is to run ----------------------------------------------------------------


def test_kernels_lie_where_functions_are_made_anew():
    import franken.func  # noqa: F401 - the transforms declare primitives too
    from franken.backends.cupy.arrays import _COMPUTE

    # in a process of its own: other tests make primitives in this one
    code = "import franken; from franken.core.primitive import PRIMITIVES; print(*PRIMITIVES)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    homes = {n: getattr(PRIMITIVES[n].cpu, "__module__", None) for n in done.stdout.split()}
    astray = {
        name: home
        for name, home in homes.items()
        if home and home.startswith("franken") and not home.startswith(_COMPUTE)
    }
    assert astray == {}


def foreign_names(tree: ast.Module) -> list[str]:
    """What a module takes from NumPy by another name than `np`, which nobody could replace."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name == "numpy" and a.asname != "np"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "numpy":
            typing = node.module in ("numpy.typing", "numpy.random")
            found += [] if typing else [f"{node.module}.{a.name}" for a in node.names]
    return found


def test_kernels_say_np_for_every_array_function():
    places = (
        *(ROOT / "franken/backends/numpy").rglob("*.py"),
        *(ROOT / "franken/ops").rglob("*.py"),
    )
    wrong = {
        path.name: names
        for path in places
        if (names := foreign_names(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert wrong == {}
    assert foreign_names(ast.parse("from numpy import add\nimport numpy")) == ["numpy.add", "numpy"]
