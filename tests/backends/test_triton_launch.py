"""Triton's launch path without a GPU: over a mock of the driver library, in processes of their own.

`mock_cuda/inside.py` holds the tests that launch; it runs once here, and each of its tests is
reported below. The rest starts processes that lack something, and reads what they say.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import types
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest

from franken.backends.cupy import launch_errors as errors
from franken.backends.cupy.runtime import check_distributions, check_driver

ROOT = Path(__file__).resolve().parents[2]
MOCK = Path(__file__).with_name("mock_cuda")
INSIDE = MOCK / "inside.py"
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed"
)


@pytest.fixture(scope="module")
def world(request, tmp_path_factory):
    """The environment of a machine whose libcuda.so.1 is the mock."""
    folder = tmp_path_factory.mktemp("mock")
    # Triton names what it compiled by its source, so the next run may take it from here.
    kept_by_pytest = getattr(request.config, "cache", None)
    cache = kept_by_pytest.mkdir("triton") if kept_by_pytest else folder / "cache"
    spec = importlib.util.find_spec("triton")
    include = Path(spec.origin).parent / "backends" / "nvidia" / "include"
    build = [
        "cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-Wl,-soname,libcuda.so.1",
        f"-I{include}", "-o", str(folder / "libcuda.so.1"), str(MOCK / "libcuda.c"),
    ]  # fmt: skip
    subprocess.run(build, check=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRITON_", "COV_", "PYTEST"))}
    return {
        **kept, "MOCK_CUDA": "1", "LD_LIBRARY_PATH": str(folder), "OMP_NUM_THREADS": "1",
        "TRITON_LIBCUDA_PATH": str(folder), "TRITON_CACHE_DIR": str(cache),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip


def python(code, environment, *paths):
    """What a fresh process prints; its exit code must be 0."""
    environment = {**environment, "PYTHONPATH": os.pathsep.join([*map(str, paths), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# --- the tests on the mock ---


@pytest.fixture(scope="module")
def outcomes(world, tmp_path_factory):
    """Name of each inside test -> what went wrong in its cases, each a text."""
    report = tmp_path_factory.mktemp("report") / "inside.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(INSIDE), "-q", "-p", "no:cacheprovider",
         "-p", "no:xdist", f"--junitxml={report}"],
        env=world, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not report.is_file():
        pytest.fail(f"the inside tests did not start:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        problems = [child.text or "" for child in case if child.tag in ("failure", "error")]
        problems += [f"skipped: {c.get('message')}" for c in case if c.tag == "skipped"]
        found.setdefault(case.get("name").partition("[")[0], []).extend(problems)
    return found


def inside_names():
    tree = ast.parse(INSIDE.read_text(encoding="utf-8"))
    functions = (n for n in tree.body if isinstance(n, ast.FunctionDef))
    return [f.name for f in functions if f.name.startswith("test_")]


@needs_triton
@pytest.mark.parametrize("name", inside_names())
def test_on_the_mock(outcomes, name):
    assert outcomes[name] == [], "\n\n".join(outcomes[name])


@needs_triton
def test_a_failure_inside_is_seen(outcomes):
    assert set(outcomes) == set(inside_names())  # nothing ran unseen, nothing was left out


# --- nothing is loaded before it is used ---

FAKE_CUPY = """
from types import SimpleNamespace
class ndarray: pass
cuda = SimpleNamespace(is_available=lambda: True)
"""
LAZY = """
import sys, franken
assert not {"cupy", "triton", "franken.backends.cupy.launch"} & set(sys.modules)
from franken.triton_kernels.launching import launch
assert franken.cuda.is_available()
assert type(launch.current()).__name__ == "Deferred"
assert "triton" not in sys.modules
"""


def test_importing_franken_loads_neither_cupy_nor_triton(tmp_path):
    (tmp_path / "cupy.py").write_text(FAKE_CUPY)
    python(LAZY, os.environ, tmp_path)


BECOMES = """
from franken.backends.cupy import launch, triton_driver
from franken.triton_kernels.launching import launch as kernel_launch
from tests.backends.mock_cuda import device, kernels
triton_driver.CupyRuntime = device.FakeRuntime
launch.install_when_used()
launch.install_when_used()
deferred = kernel_launch.current()
arrays = [device.Array((100,)) for _ in range(3)]
kernel_launch.launch(kernels.add_kernel, (2,), *arrays, 100, BLOCK=32)
assert type(kernel_launch.current()) is launch.FastLauncher, kernel_launch.current()
assert deferred.policy is kernel_launch.current().policy
kernel_launch.launch(kernels.add_kernel, (2,), *arrays, 100, BLOCK=32)
print(device.Driver().count())
"""


@needs_triton
def test_the_first_launch_puts_the_launcher_in_place(world):
    assert python(BECOMES, world) == "2\n"


KEEPS = """
from types import SimpleNamespace
from franken.backends.cupy import launch
from franken.triton_kernels.launching import launch as kernel_launch
mine = SimpleNamespace()
with kernel_launch.using(mine):
    launch.install_when_used()
    assert kernel_launch.current() is mine
"""


def test_a_runner_in_place_is_kept():
    python(KEEPS, os.environ)


# --- what may be missing ---

SAYS = """
import sys
from franken.backends.cupy import launch
from franken.core.errors import FrankenError
from franken.triton_kernels.launching.launch import LaunchError
{before}
try:
    launch.FastLauncher({runtime})
except LaunchError as error:
    assert isinstance(error, FrankenError)
    print(error.reason_code, error)
"""
MOCKED = "__import__('tests.backends.mock_cuda.device', fromlist=['x']).FakeRuntime()"


def says(environment, before="", runtime=MOCKED, paths=()):
    return python(SAYS.format(before=before, runtime=runtime), environment, *paths)


@needs_triton
def test_no_compiler(world, tmp_path):
    fresh = {**world, "PATH": str(tmp_path), "TRITON_CACHE_DIR": str(tmp_path)}
    fresh.pop("CC", None)
    assert says(fresh).startswith("no-c-compiler Triton builds its launch code with a C compiler")


@needs_triton
def test_a_compiler_that_is_not_there(world, tmp_path):
    fresh = {**world, "CC": "/no/such/cc", "TRITON_CACHE_DIR": str(tmp_path)}
    assert "/no/such/cc" in says(fresh) and says(fresh).startswith("no-c-compiler ")


@needs_triton
def test_no_libcuda(world, tmp_path):
    lacking = {
        k: v for k, v in world.items() if k not in ("TRITON_LIBCUDA_PATH", "LD_LIBRARY_PATH")
    }
    lacking["TRITON_CACHE_DIR"] = str(tmp_path)
    nothing = "import subprocess; subprocess.check_output = lambda *a, **k: b''"
    assert says(lacking, nothing).startswith("no-driver libcuda.so.1 was not found")


def test_no_triton():
    said = says(os.environ, "sys.modules['triton'] = None", "object()")
    assert said.startswith("no-triton Triton cannot be imported")
    assert "franken[cuda12] or franken[cuda13]" in said


@needs_triton
def test_no_cupy(world):
    said = says(world, "sys.modules['cupy'] = None", "")
    assert said.startswith("no-cupy CuPy is not installed: install franken[cuda12]")


@needs_triton
def test_a_cupy_that_does_not_import(world, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('built for another NumPy')")
    said = says(world, "", "", [tmp_path])
    assert said.startswith("no-cupy CuPy is installed but does not import: built for another NumPy")


@needs_triton
def test_two_cupys(world, tmp_path):
    for number in (12, 13):
        folder = tmp_path / f"cupy_cuda{number}x-14.0.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cupy-cuda{number}x\n")
    said = says(world, "", "", [tmp_path])
    assert said.startswith("two-cupy-packages cupy-cuda12x and cupy-cuda13x are both installed")
    assert "`pip uninstall cupy-cuda12x cupy-cuda13x`" in said


def test_one_cupy_is_fine():
    check_distributions([])
    check_distributions(["cupy-cuda13x"])


class CUDARuntimeError(RuntimeError):
    pass


def cuda(driver, runtime, count=1):
    """CuPy's `cupy.cuda.runtime` on a machine with these versions."""

    def devices():
        if count is None:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return count

    return types.SimpleNamespace(
        driverGetVersion=lambda: driver, runtimeGetVersion=lambda: runtime,
        getDeviceCount=devices, CUDARuntimeError=CUDARuntimeError,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "error", "words"),
    [
        (cuda(0, 13020), errors.NoDriver, "no NVIDIA driver is loaded .*CUDA 13.2.*--gpus all"),
        (
            cuda(12040, 13000), errors.DriverTooOld,
            r"serves CUDA 12.4, CuPy was built for CUDA 13.0: .*driver 580 or newer.*\[cuda12\]",
        ),
        (cuda(11080, 12000), errors.DriverTooOld, "driver 525 or newer"),
        (cuda(13000, 14000), errors.DriverTooOld, "driver for CUDA 14 or newer"),
        (cuda(13000, 13000, 0), errors.NoDriver, "CUDA_VISIBLE_DEVICES"),
        (cuda(13000, 13000, None), errors.NoDriver, "cudaErrorNoDevice"),
    ],
)  # fmt: skip
def test_drivers_that_cannot_serve(machine, error, words):
    with pytest.raises(error, match=words):
        check_driver(machine)


@pytest.mark.parametrize(("driver", "runtime"), [(12020, 12090), (13000, 12090), (13000, 13020)])
def test_drivers_that_can(driver, runtime):
    check_driver(cuda(driver, runtime))


def test_the_names_that_are_asked_of_cupy_exist():
    """All that can be said of CuPy itself without a GPU; skipped where it is not installed."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    for name in ("getDevice", "setDevice", "getDeviceCount", "driverGetVersion",
                 "runtimeGetVersion", "CUDARuntimeError"):  # fmt: skip
        assert hasattr(cupy.cuda.runtime, name), name
    for name in ("alloc", "get_current_stream", "get_elapsed_time", "Event"):
        assert hasattr(cupy.cuda, name), name
    assert {"ptr", "device_id", "mem", "memset_async"} <= set(dir(cupy.cuda.MemoryPointer))
    assert {"ptr", "size"} <= set(dir(cupy.cuda.memory.BaseMemory))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and made without a driver
        assert cupy.cuda.ExternalStream(0xABC).ptr == 0xABC
    assert "synchronize" in dir(cupy.cuda.Stream)
    assert {"record"} <= set(dir(cupy.cuda.Event))
    assert "compute_capability" in dir(cupy.cuda.Device)
    assert {"data", "dtype", "itemsize", "shape", "size", "strides", "get"} <= set(
        dir(cupy.ndarray)
    )


CUPYS_OWN = """
import cupy, types
from franken.backends.cupy.launch import FastLauncher
from franken.backends.cupy.launch_errors import BadMemory, WrongDevice
from tests.backends.mock_cuda import device, kernels

def array(n, device_id=0, short=0):
    at = device.reserve(4 * n)
    memory = cupy.cuda.UnownedMemory(at.ptr, at.size - short, None, device_id)
    return cupy.ndarray((n,), "f4", cupy.cuda.MemoryPointer(memory, 0))

class Runtime(device.FakeRuntime):
    array = cupy.ndarray

for check in (False, True):
    launcher = FastLauncher(Runtime(), check=check)
    def add(*arrays):
        launcher.run(kernels.add_kernel, (1,), (*arrays, 100), {"BLOCK": 32}, 4, 2, {})
    arrays = [array(100), array(100), array(200)[8:108]]
    add(*arrays)
    device.Driver().tell("add_kernel", [8, 8, 8, 4, 8, 8])
    add(*arrays)
    assert device.Driver().last().values[:4] == [*(a.data.ptr for a in arrays), 100]
    try:
        add(array(100), array(100, device_id=1), array(100))
    except WrongDevice as error:
        print("refused", "cuda:1" in str(error))
try:
    add(array(100), array(100, short=1), array(100))
except BadMemory as error:
    print("refused", "outside of its allocation" in str(error))

from franken.backends.cupy.launch import install
from franken.triton_kernels.kernels.rows.softmax import softmax

cupy.cuda.set_allocator(lambda nbytes: array(-(-nbytes // 4)).data)
with install(Runtime(), check=True).recording() as seen:
    y = softmax(cupy.empty((4, 5), "f4").T, axis=0, log=True)
print(type(y).__name__, y.shape, seen[0].symbol)
"""


@needs_triton
def test_cupys_own_arrays_launch(world):
    """CuPy's class on the mock's addresses; skipped where CuPy is not installed."""
    pytest.importorskip("cupy", reason="CuPy is not installed")
    expected = "refused True\n" * 3 + "ndarray (5, 4) softmax_forward_kernel\n"
    assert python(CUPYS_OWN, world) == expected
