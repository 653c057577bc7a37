"""What torch's files call the classes and functions that stand here for torch's, and the reverse.

One table holds the names that are spelled otherwise; all others differ by their first word only.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any, Final

# torch's name: where the object is found here.
_TABLE: Final[dict[str, str]] = {
    **{
        f"torch.{name}": f"franken.{name}"
        for name in (
            "Tensor",
            "Size",
            "device",
            "dtype",
            "layout",
            "memory_format",
            "qscheme",
            "finfo",
            "iinfo",
            "OutOfMemoryError",
        )
    },
    "torch._C.Generator": "franken.Generator",
    "torch._C.TensorBase": "franken.Tensor",
    "torch._C._LinAlgError": "franken.linalg.LinAlgError",
    "torch._C._VariableFunctionsClass": "franken",
    "torch._tensor._rebuild_from_type_v2": "franken._utils._rebuild_from_type_v2",
    **{
        f"torch._utils.{name}": f"franken._utils.{name}"
        for name in (
            "_rebuild_device_tensor_from_cpu_tensor",
            "_rebuild_device_tensor_from_numpy",
            "_rebuild_meta_tensor_no_storage",
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
            "_rebuild_sparse_tensor",
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
        )
    },
    "torch.amp.autocast_mode.autocast": "franken.faces.around.amp.autocast",
    "torch.cuda.amp.autocast_mode.autocast": "franken.faces.around.cuda_amp.autocast",
    "torch.cuda.amp.grad_scaler.GradScaler": "franken.faces.around.cuda_amp.GradScaler",
    "torch.amp.grad_scaler.GradScaler": "franken.faces.around.amp.GradScaler",
    "torch.autograd.anomaly_mode.detect_anomaly": "franken.autograd.detect_anomaly",
    "torch.autograd.anomaly_mode.set_detect_anomaly": "franken.autograd.set_detect_anomaly",
    **{
        f"torch.autograd.function.{name}": f"franken.autograd.function.{name}"
        for name in ("Function", "FunctionCtx", "InplaceFunction", "NestedIOFunction")
    },
    "torch.autograd.graph.GradientEdge": "franken.autograd.graph.GradientEdge",
    "torch.autograd.graph.save_on_cpu": "franken.autograd.graph.save_on_cpu",
    "torch.autograd.graph.saved_tensors_hooks": "franken.autograd.graph.saved_tensors_hooks",
    "torch.cuda.StreamContext": "franken.cuda.stream",
    "torch.cuda.streams.Event": "franken.cuda.Event",
    "torch.cuda.streams.Stream": "franken.cuda.Stream",
    "torch.nn.modules.activation.MultiheadAttention": "franken.nn.MultiheadAttention",
    "torch.nn.modules.channelshuffle.ChannelShuffle": "franken.nn.ChannelShuffle",
    "torch.nn.modules.container.ParameterDict": "franken.nn.ParameterDict",
    "torch.nn.modules.container.ParameterList": "franken.nn.ParameterList",
    "torch.nn.modules.module._WrappedHook": "franken.nn.state.WrappedHook",
    "torch.nn.modules.pixelshuffle.PixelShuffle": "franken.nn.PixelShuffle",
    "torch.nn.modules.pixelshuffle.PixelUnshuffle": "franken.nn.PixelUnshuffle",
    "torch.nn.parameter.Parameter": "franken.nn.Parameter",
    "torch.optim.Adafactor": "franken.optim.Adafactor",
    "torch.optim.adamw.AdamW": "franken.optim.AdamW",
    **{
        f"torch.serialization.{name}": f"franken.faces.checkpoints.{name}"
        for name in (
            "LoadEndianness",
            "SourceChangeWarning",
            "StorageType",
            "safe_globals",
            "set_default_mmap_options",
            "skip_data",
        )
    },
    "torch.serialization._get_layout": "franken.faces.checkpoints.restricted.get_layout",
    "torch.storage.TypedStorage": "franken.storage.TypedStorage",
    "torch.storage.UntypedStorage": "franken.storage.UntypedStorage",
    "torch.utils.benchmark.utils.common.Measurement": "franken.utils.benchmark.Measurement",
    "torch.utils.benchmark.utils.common.TaskSpec": "franken.utils.benchmark.TaskSpec",
    "torch.utils.benchmark.utils.compare.Compare": "franken.utils.benchmark.Compare",
    "torch.utils.benchmark.utils.timer.Timer": "franken.utils.benchmark.Timer",
    "torch.utils.checkpoint.CheckpointError": "franken.utils.checkpoint.CheckpointError",
    "torch.utils.checkpoint.CheckpointFunction": "franken.utils.checkpoint.CheckpointFunction",
    **{
        f"torch.utils.data._utils.{name}": f"franken.utils.data.{name.partition('.')[2]}"
        for name in (
            "collate.default_collate",
            "collate.default_convert",
            "worker.get_worker_info",
        )
    },
    "torch.utils.hooks.RemovableHandle": "franken.utils.hooks.RemovableHandle",
}
# Functions that torch keeps in inner modules: how the names there begin.
INNER: Final = {
    "torch._C._nn": ("franken.nn.functional", ""),
    "torch._C._special": ("franken.special", "special_"),
    "torch._C._linalg": ("franken.linalg", "linalg_"),
    "torch._C._fft": ("franken.fft", "fft_"),
}
# Rooms of the inside, whose names are no names of torch's.
_INSIDE: Final = (
    "core", "backends", "engine", "ops", "transforms", "functional", "faces", "triton_kernels",
)  # fmt: skip
# Files and packages of the face that torch does not have: what they hold is found in the spaces.
_OURS: Final = (
    "franken.optim.lr_scheduler.", "franken.autograd.api", "franken.autograd.checkpoint",
    "franken.testing.",
)  # fmt: skip
# Where the names of what lies elsewhere are looked up.
_SPACES: Final = (
    "", ".nn.functional", ".special", ".linalg", ".fft", ".random", ".cuda", ".optim.lr_scheduler",
    ".autograd", ".utils.checkpoint", ".utils.data", ".func", ".testing", ".serialization",
    ".sparse",
)  # fmt: skip


def found(module: str, name: str) -> Any:
    """The object that a name of torch's stands for; AttributeError or ImportError without one.

    >>> found("torch.nn.modules.linear", "Linear").__module__
    'franken.nn.modules.linear'
    """
    moved = _TABLE.get(f"{module}.{name}")
    if moved is not None:
        return _at(moved)
    if module in INNER:
        module, prefix = INNER[module]
        name = name.removeprefix(prefix)
    elif module == "torch" or module.startswith("torch."):
        module = "franken" + module[5:]
    target = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target


def is_torchs(module: str) -> bool:
    """Whether a file means torch by a module's name."""
    return module == "torch" or module.startswith("torch.")


def torch_name(obj: Any, name: str | None = None) -> tuple[str, str] | None:
    """torch's (module, name) of a class, function or constant that stands for one of torch's.

    None for what is not of this library, and for what torch has under no name.

    >>> import franken
    >>> torch_name(franken.nn.Linear), torch_name(franken.float16, "float16")
    (('torch.nn.modules.linear', 'Linear'), ('torch', 'float16'))
    >>> torch_name(print)
    """
    known = tabled(obj)
    if known is not None:
        return known
    module = getattr(obj, "__module__", None) or type(obj).__module__
    name = name or getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if name is None or not isinstance(module, str):
        return None
    if is_torchs(module):
        return sys.intern(module), sys.intern(name)
    if module != "franken" and not module.startswith("franken."):
        return None
    return _face_name(obj, module, name)


def _face_name(obj: Any, module: str, name: str) -> tuple[str, str] | None:
    inside = module.startswith(_OURS) or f"{module}.".split(".")[1] in _INSIDE
    places = [] if inside else [module]
    for place in (*places, *(f"franken{space}" for space in _SPACES)):
        target: Any = importlib.import_module(place)
        for part in name.split("."):
            target = getattr(target, part, None)
        if target is obj:
            return sys.intern("torch" + place[7:]), sys.intern(name)
    return None


def tabled(obj: Any) -> tuple[str, str] | None:
    """torch's (module, name) of a class or function of the table, None for any other.

    Only what has the name of `obj` is looked up, so nothing else is imported.
    """
    for theirs in _by_last().get(getattr(obj, "__name__", None), ()):
        if _at(_TABLE[theirs]) is obj:
            module, _, last = theirs.rpartition(".")
            return sys.intern(module), sys.intern(last)
    return None


@cache
def _by_last() -> dict[Any, list[str]]:
    """The names of the table, by the last word that the object has here."""
    index: dict[Any, list[str]] = {}
    for theirs, ours in _TABLE.items():
        if ours != "franken":
            index.setdefault(ours.rpartition(".")[2], []).append(theirs)
    return index


@cache
def modules() -> dict[str, list[str]]:
    """The modules of torch that the table names, and what it names in each."""
    index: dict[str, list[str]] = {}
    for theirs in _TABLE:
        module, _, last = theirs.rpartition(".")
        index.setdefault(module, []).append(last)
    return index | {module: [] for module in INNER}


def _at(path: str) -> Any:
    module, _, last = path.rpartition(".")
    if not module:
        return importlib.import_module(path)
    return getattr(importlib.import_module(module), last)
