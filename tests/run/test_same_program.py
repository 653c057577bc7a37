"""One program, run by plain Python with torch and by `franken run`: what it prints is the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]

NAMES = """
import importlib, importlib.metadata, importlib.util, inspect, pickle, pickletools, sys, typing
import torch
import torch.nn.functional as F
import torch.utils.data
import torch.functional
from torch import nn, optim
from torch.nn import Module
from torch.nn.modules.conv import Conv2d
from torch.optim.adamw import AdamW
from torch.torch_version import TorchVersion

conv = importlib.import_module("torch.nn.modules.conv")
print(conv is sys.modules["torch.nn.modules.conv"] is torch.nn.modules.conv, conv.Conv2d is Conv2d)
for module in (torch, nn, F, optim, torch.utils.data, torch.functional, conv):
    print(module.__name__, inspect.ismodule(module), sys.modules.get(module.__name__) is module)
for kind in (
    torch.Tensor, torch.Size, torch.device, torch.dtype, torch.layout, torch.Generator, torch.finfo,
    torch.memory_format, torch.FloatTensor, torch.FloatStorage, torch.UntypedStorage, AdamW,
    torch.OutOfMemoryError, torch.autograd.Function, torch.no_grad, nn.Parameter, nn.Linear, Module,
    nn.MultiheadAttention, nn.ParameterDict, optim.Adam, optim.lr_scheduler.StepLR, TorchVersion,
    torch.utils.data.DataLoader, torch.utils.data.TensorDataset,
    type(torch.max(torch.ones(1, 1), 0)),
    nn.utils.rnn.PackedSequence, torch.linalg.LinAlgError,
):
    home = importlib.import_module(kind.__module__)
    print(kind, kind.__module__, kind.__qualname__, getattr(home, kind.__qualname__) is kind)
print(F.relu.__module__, torch.autograd.grad.__module__, torch.float32, repr(torch.strided))
version = torch.__version__
print(type(version), version.split("+")[0], version > "2.9", version >= (2, 13), version < "2.13.1")
print([version.__lt__(other) for other in ("x", None, 2.1, "2.14.0a0", "2.13.0.post1", (2, "b"))])
print(importlib.metadata.version("torch").split("+")[0], torch.version.__version__.split("+")[0])
modules = ("nn", "nn.functional", "optim", "utils", "autograd", "cuda", "jit", "fft", "linalg")
print([m for m in modules if m.split(".")[0] not in dir(torch)])
inside = ("core", "faces", "engine", "transforms", "cli", "triton_kernels", "install", "run")
print([n for n in inside if hasattr(torch, n)])
print(hasattr(torch.backends, "numpy"), hasattr(nn, "state"))
print([importlib.util.find_spec(f"torch.{n}") for n in inside])
print(hasattr(torch, "nothing"), getattr(nn, "nothing", 3))
print(importlib.util.find_spec("torch.nothing"))
for line in ("import torch.nothing", "from torch import nothing", "torch.nothing"):
    try:
        exec(line)
    except (ImportError, AttributeError) as error:
        print(type(error).__name__, str(error).split(";")[0].split(" (")[0])

# what a program puts in a module's place is seen by the modules themselves
calls = []
relu, F.relu = F.relu, lambda x, inplace=False: calls.append(x.shape) or relu(x)
nn.ReLU()(torch.ones(2))
print(calls, torch.nn.functional.relu is F.relu is not relu)
F.relu = relu
seed, torch.manual_seed = torch.manual_seed, lambda n: calls.append(n)
torch.manual_seed(3)
torch.manual_seed = seed
torch.backends.cudnn.benchmark = True
torch.nn.extra = 5
print(calls, torch.backends.cudnn.benchmark, torch.nn.extra, "extra" in dir(torch.nn))
del torch.nn.extra
print(hasattr(torch.nn, "extra"))

things = [torch.ones(2), torch.float32, torch.Size([1]), torch.device("cpu"), nn.Linear(2, 2)]
things.append(F.relu)
data = pickle.dumps(things)
words = [arg for code, arg, _ in pickletools.genops(data) if code.name == "SHORT_BINUNICODE"]
print(sorted({w for w in words if w.startswith(("torch", "franken"))}))
print(pickle.loads(data)[:-1])
print(typing.get_type_hints(nn.Linear.forward)["input"], inspect.getsource(nn.Linear)[:12])
"""

STAR = """
from torch import *
from torch.nn import *
print(tensor([1.0]), Linear, "Size" in globals())
"""

PROCESSES = """
import multiprocessing, os, pickle, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

def work(net, queue):
    import torch.nn.functional as F
    queue.put((repr(net), repr(type(net)), repr(torch.Tensor), __name__, len(sys.argv)))

if __name__ == "__main__":
    print(sys.argv[1:], os.path.basename(sys.path[0]), os.path.basename(__file__), __spec__ is None)
    print(pickle.loads(pickle.dumps(Net())))
    for how in ("fork", "spawn"):
        context = multiprocessing.get_context(how)
        queue = context.SimpleQueue()
        process = context.Process(target=work, args=(Net(), queue))
        process.start()
        print(how, queue.get())
        process.join()
        print(process.exitcode)
    print([x for x, in DataLoader(TensorDataset(torch.arange(4)), batch_size=2, num_workers=1)])
    def inner():
        raise ValueError("here")
    inner()
"""


def run(folder, text, *start, after=()):
    program = folder / "program.py"
    program.write_text(text)
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *start, str(program), *after],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("program", [NAMES, STAR, PROCESSES], ids=["names", "star", "processes"])
def test_prints_the_same(tmp_path, program):
    wanted = run(tmp_path, program, after=("a", "-b"))
    got = run(tmp_path, program, "-m", "franken.run", after=("a", "-b"))
    assert got.stdout.splitlines() == wanted.stdout.splitlines(), got.stderr
    assert (got.returncode, got.stderr) == (wanted.returncode, wanted.stderr)
