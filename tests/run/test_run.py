"""`franken run`: options, names that are lacking, `install` from inside, the pytest plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from franken.run import main
from franken.version import __version__

ROOT = Path(__file__).resolve().parents[2]
# The command line's packages are not needed to run a program.
NO_CLICK = """
import sys
for name in ("click", "rich", "structlog", "torch"):
    sys.modules[name] = None
del sys.modules["torch"]
from franken.__main__ import main
main()
"""


def start(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def run(folder, text, *options, after=()):
    (folder / "program.py").write_text(text)
    return start(folder, "-m", "franken.run", *options, "program.py", *after)


LACKING = """
import sys, contextlib
import made
import torch
import torch.nothing.below as below
from torch.nn import Nothing, Linear
from torch.nothing import Thing
assert not isinstance(3, Nothing) and (Nothing | None)
below.deep.deeper
class Mine(Thing, dict):
    "A class that is never used."
def annotated(x: torch.Nothing = None) -> "Thing": ...

# ready for it: the error that Python has
found = []
try:
    import torch.absent
except ModuleNotFoundError as error:
    found.append(error)
try:
    from torch.nn import Absent
except (KeyError, ImportError) as error:
    found.append(error)
with contextlib.suppress(AttributeError):
    torch.absent
    found.append("no error")
def fetch():
    try:
        return torch.nn.absent
    except Exception as error:
        found.append(error)
    finally:
        found.append(hasattr(torch, "absent"))
fetch()
try:
    import reads
except ImportError as error:
    found.append(error)
for one in found:
    print(type(one).__name__, one)
for use in (lambda: Mine(), lambda: bool(Nothing), lambda: [*Nothing], lambda: below.f(1)):
    try:
        use()
        print("used")
    except AttributeError as error:
        print(error)
for use in (made.marked, made.Kept().method, made.limit.__call__):
    try:
        use()
        print("used")
    except AttributeError as error:
        print(str(error).split("franken has no ")[1].split("()")[0])
def compute():
    return torch.nn.functional.reluu(torch.ones(2))
compute()
"""


# A module that is imported may call what is lacking: most often it marks a function.
MADE = """
import torch
@torch.marker
def marked(): ...
class Kept:
    @torch.marker(1)
    def method(self): ...
    method = marked
limit = torch.bounds(3).upper
"""


def test_a_lacking_name_is_an_error_where_it_is_used(tmp_path):
    (tmp_path / "reads.py").write_text("from torch.absent import one\n")
    (tmp_path / "made.py").write_text(MADE)
    done = run(tmp_path, LACKING)
    assert done.stdout.splitlines() == [
        "ModuleNotFoundError No module named 'torch.absent'",
        f"ImportError cannot import name 'Absent' from 'torch.nn' ({ROOT}/franken/nn/__init__.py)",
        "AttributeError module 'torch.nn' has no attribute 'absent'",
        "bool False",
        "ModuleNotFoundError No module named 'torch.absent'",
        "module 'torch.nothing' has no attribute 'Thing' (franken has no torch.nothing.Thing; "
        "__main__ (program.py:7) asked for it)",
        "module 'torch.nn' has no attribute 'Nothing' (franken has no torch.nn.Nothing; "
        "__main__ (program.py:6) asked for it)",
        "module 'torch.nn' has no attribute 'Nothing' (franken has no torch.nn.Nothing; "
        "__main__ (program.py:6) asked for it)",
        "module 'torch.nothing.below' has no attribute 'f' (franken has no torch.nothing.below.f; "
        "__main__ (program.py:41) asked for it)",
        "torch.marker", "torch.marker", "torch.bounds",
    ], done.stderr  # fmt: skip
    trace, _, listed = done.stderr.partition("franken lacks, of torch's names:\n")
    assert done.returncode == 1
    assert trace.startswith('Traceback (most recent call last):\n  File "program.py", line 55, in')
    assert "has no attribute 'reluu'; the nearest names are: relu" in trace
    names = [line.split()[0] for line in listed.splitlines()]
    assert names == sorted(names)
    assert {"torch.nothing.below", "torch.nn.Nothing", "torch.nn.functional.reluu"} < {*names}
    assert not any("absent" in name.lower() for name in names)


def test_no_list_after_a_good_run_and_a_list_after_a_bad_exit(tmp_path):
    text = "import sys, torch\ntorch.nothing\nsys.exit(int(sys.argv[1]))\n"
    good, bad = (run(tmp_path, text, after=(code,)) for code in ("0", "3"))
    assert (good.returncode, good.stderr) == (0, "")
    assert bad.returncode == 3
    assert bad.stderr.splitlines()[1:] == ["  torch.nothing  asked for by __main__ (program.py:2)"]


def test_options(tmp_path):
    text = "import sys, torch\nx = torch.ones(2)\nprint(x.device, (x + 1).sum().item(), sys.argv)\n"
    done = run(
        tmp_path, text, "--explain", "--record", "out.json", "--device", "cpu", after=("-x",)
    )
    assert done.stdout == "cpu 4.0 ['program.py', '-x']\n", done.stderr
    lines = [line.strip() for line in done.stderr.splitlines()]
    assert {"torch.ones", "torch.Tensor.sum"} < {*lines}
    assert lines.index("torch.Tensor.sum") > lines.index("equal to torch in every check: 3")
    assert (tmp_path / "out.json").stat().st_size > 100
    module = start(tmp_path, "-m", "franken.run", "-m", "program", "a")
    assert module.stdout == f"cpu 4.0 ['{tmp_path}/program.py', 'a']\n", module.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-h"], 0, "usage: franken run"),
        (["--help"], 0, "--record FILE"),
        ([], 2, "a script or -m module is missing"),
        (["-m"], 2, "a script or -m module is missing"),
        (["--speed", "x.py"], 2, "unknown option --speed"),
        (["--explain=yes", "x.py"], 2, "unknown option --explain"),
        (["--device"], 2, "--device needs a value"),
    ],
)
def test_command_line(capsys, arguments, code, said):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == code
    assert said in "".join(capsys.readouterr())


def test_the_console_script_runs_programs_without_its_packages(tmp_path):
    done = start(tmp_path, "-c", NO_CLICK, "run", "none.py")
    assert done.returncode == 2
    assert f"can't open file '{tmp_path}/none.py': [Errno 2] No such file" in done.stderr


INSIDE = """
import franken
before = franken.nn.Linear.__module__, repr(franken.Tensor), franken.linalg.LinAlgError.__qualname__
franken.install()
franken.install()
import torch, pickle, sys
from torch import nn
assert nn.Linear is franken.nn.Linear and torch.Tensor is franken.Tensor
print(nn.Linear, torch.linalg.LinAlgError, torch.__version__, franken.version.__version__)
x = pickle.dumps(torch.ones(2).untyped_storage())
franken.uninstall()
print("torch" in sys.modules, b"torch" in pickle.dumps(franken.ones(1).untyped_storage()))
assert before == (
    franken.nn.Linear.__module__, repr(franken.Tensor), franken.linalg.LinAlgError.__qualname__
)
sys.modules["torch"] = sys
try:
    franken.install()
except RuntimeError as error:
    print(error)
"""


def test_install_and_uninstall(tmp_path):
    (tmp_path / "program.py").write_text(INSIDE)
    done = start(tmp_path, "program.py")
    assert done.stdout.splitlines()[:2] == [
        "<class 'torch.nn.modules.linear.Linear'> <class 'torch._C._LinAlgError'> 2.13.0 "
        + __version__,
        "False False",
    ], done.stderr
    assert "torch is imported already" in done.stdout


def test_a_package_tests_itself_on_franken(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import torch\n"
        "from torch.testing import assert_close\n"
        "def test_good():\n    assert_close(torch.ones(2) * 2, torch.full((2,), 2.0))\n"
        "def test_bad():\n    torch.nothing(1)\n"
    )
    done = start(
        tmp_path, "-m", "pytest", "-q", "-p", "franken.as_torch", "-p", "no:cacheprovider", "."
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "torch.nothing  asked for by test_it" in done.stdout
