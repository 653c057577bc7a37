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
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
        )
    },
    "torch.autograd.anomaly_mode.detect_anomaly": "franken.autograd.detect_anomaly",
    "torch.autograd.anomaly_mode.set_detect_anomaly": "franken.autograd.set_detect_anomaly",
    **{
        f"torch.autograd.function.{name}": f"franken.autograd.function.{name}"
        for name in ("Function", "FunctionCtx", "InplaceFunction", "NestedIOFunction")
    },
    "torch.autograd.graph.GradientEdge": "franken.autograd.graph.GradientEdge",
    "torch.autograd.graph.save_on_cpu": "franken.autograd.graph.save_on_cpu",
    "torch.autograd.graph.saved_tensors_hooks": "franken.autograd.graph.saved_tensors_hooks",
    "torch.cuda.StreamContext": "franken.cuda.StreamContext",
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
            "_get_layout",
            "safe_globals",
            "set_default_mmap_options",
            "skip_data",
        )
    },
    "torch.storage.TypedStorage": "franken.storage.TypedStorage",
    "torch.storage.UntypedStorage": "franken.storage.UntypedStorage",
    "torch.utils.checkpoint.CheckpointError": "franken.utils.checkpoint.CheckpointError",
    "torch.utils.checkpoint.CheckpointFunction": "franken.utils.checkpoint.CheckpointFunction",
    "torch.utils.hooks.RemovableHandle": "franken.utils.hooks.RemovableHandle",
}
# Functions that torch keeps in inner modules: how the names there begin.
_INNER: Final = {
    "torch._C._nn": ("franken.nn.functional", ""),
    "torch._C._special": ("franken.special", "special_"),
    "torch._C._linalg": ("franken.linalg", "linalg_"),
    "torch._C._fft": ("franken.fft", "fft_"),
}
# Rooms of the inside, whose names are no names of torch's.
_INSIDE: Final = (
    "core", "backends", "engine", "ops", "transforms", "functional", "faces", "triton_kernels",
)  # fmt: skip
# Packages whose files torch does not have.
_FLAT: Final = ("franken.optim.lr_scheduler",)
# Where the names of functions that the op declarations published are looked up.
_SPACES: Final = ("", ".nn.functional", ".special", ".linalg", ".fft", ".random", ".cuda")


def found(module: str, name: str) -> Any:
    """The object that a name of torch's stands for; AttributeError or ImportError without one.

    >>> found("torch.nn.modules.linear", "Linear").__module__
    'franken.nn.modules.linear'
    """
    moved = _TABLE.get(f"{module}.{name}")
    if moved is not None:
        return _at(moved)
    if module in _INNER:
        module, prefix = _INNER[module]
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
    known = _reverse().get(id(obj))
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
    places = [module.rpartition(".")[0] if module.startswith(_FLAT) else module]
    if module.split(".")[1:2] and module.split(".")[1] in _INSIDE:
        places = []
    for place in (*places, *(f"franken{space}" for space in _SPACES)):
        target: Any = importlib.import_module(place)
        for part in name.split("."):
            target = getattr(target, part, None)
        if target is obj:
            return sys.intern("torch" + place[7:]), sys.intern(name)
    return None


@cache
def _reverse() -> dict[int, tuple[str, str]]:
    """torch's names of the objects of the table, which live as long as the process."""
    names: dict[int, tuple[str, str]] = {}
    for theirs, ours in _TABLE.items():
        if ours == "franken":
            continue
        module, _, last = theirs.rpartition(".")
        names.setdefault(id(_at(ours)), (sys.intern(module), sys.intern(last)))
    return names


def _at(path: str) -> Any:
    module, _, last = path.rpartition(".")
    if not module:
        return importlib.import_module(path)
    return getattr(importlib.import_module(module), last)
