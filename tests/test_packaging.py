"""What an installation holds and needs: NumPy and ml_dtypes to compute, extras for the rest."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import franken
from franken import version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Nothing can be imported but the standard library and what franken depends on.
ALONE = """
import sys

class Only:
    allowed = {*sys.stdlib_module_names, "franken", "numpy", "ml_dtypes"}

    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in self.allowed:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Only())
"""
TRAINING = """
import franken as torch
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
x, y = torch.randn(32, 4), torch.randn(32, 1)
losses = []
for _ in range(20):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(net(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0]
for name in ("net.pt", "net.safetensors", "net.franken"):
    torch.save(net.state_dict(), name)
    for key, value in torch.load(name).items():
        assert value.equal(net.state_dict()[key])
print("trained")
"""
PROTECT = """
from franken.serialization.durability import CoderMissing, protect
open("a.bin", "wb").write(bytes(5000))
try:
    protect("a.bin", redundancy=0.1)
except CoderMissing as error:
    print(error)
"""
COMMAND = """
sys.argv = ["franken", "demo"]
from franken.__main__ import main
main()
"""


def run(code, folder):
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", ALONE + code],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_net_is_trained_saved_and_loaded_with_numpy_alone(tmp_path):
    done = run(TRAINING, tmp_path)
    assert done.stdout == "trained\n", done.stderr


def test_the_block_blocks(tmp_path):
    done = run("import click", tmp_path)
    assert "ModuleNotFoundError" in done.stderr


def test_checkpoints_say_how_to_get_what_repairs_them(tmp_path):
    done = run(PROTECT, tmp_path)
    assert done.stdout == 'RaptorQ is missing: pip install "franken[cli]"\n', done.stderr


def test_the_command_says_how_to_get_what_it_needs(tmp_path):
    done = run(COMMAND, tmp_path)
    assert done.returncode == 2
    assert done.stderr == 'franken: click is missing: pip install "franken[cli]"\n'


def test_dependencies_and_extras():
    names = [requirement.partition(">")[0] for requirement in PROJECT["dependencies"]]
    assert names == ["numpy", "ml_dtypes"]
    from franken.__main__ import EXTRA

    extras = PROJECT["optional-dependencies"]
    assert {r.partition(">")[0] for r in extras["cli"]} == EXTRA
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in extras if name not in makefile] == []  # each is installed by a target


def test_the_version_is_written_once():
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    assert franken.__version__ == version.__version__
    written = [p for p in [*ROOT.glob("*.toml"), *ROOT.glob("franken/**/*.py")]
               if f'"{version.__version__}"' in p.read_text()]  # fmt: skip
    assert written == [ROOT / "franken" / "version.py"]


@pytest.mark.parametrize("enabled", [True, False])
def test_an_import_leaves_garbage_collection_as_it_was(enabled):
    code = f"""
import gc
gc.{"enable" if enabled else "disable"}()
before = gc.get_threshold()
import franken
assert gc.isenabled() is {enabled} and gc.get_threshold() == before
assert gc.get_freeze_count() == 0
class Node: pass
node = Node(); node.me = node
import weakref
seen = weakref.ref(node)
del node
gc.collect()
assert seen() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
