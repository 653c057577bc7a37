"""torch.backends.cudnn: flags that programs set. cuDNN is not used, so they change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from franken.backends import settings
from franken.backends.settings import Choice, Flag, OfOp, Precision

enabled: bool
benchmark: bool
benchmark_limit: int
deterministic: bool
allow_tf32: bool
fp32_precision: str
depthwise_kernel: str


class _Limit(Flag):
    def put(self, value: Any) -> None:
        """Keep how many algorithms to try."""
        self.value = value


class _AllowTF32(Flag):
    """The old switch for what the precisions of `conv` and `rnn` say."""

    def read(self) -> Any:
        """Whether both are tf32; RuntimeError if one alone is."""
        found = {flag.read() == "tf32" for flag in (_conv, _rnn)}
        if len(found) > 1:
            raise RuntimeError(
                "PyTorch is checking whether allow_tf32 is enabled for cuDNN without a specific "
                "operator name,but the current flag(s) indicate that cuDNN conv and cuDNN RNN have "
                "different TF32 flags.This combination indicates that you have used a mix of the "
                "legacy and new APIs to set the TF32 flags. We suggest only using the new API to "
                "set the TF32 flag(s). See also: https://pytorch.org/docs/main/notes/cuda.html"
                "#tensorfloat-32-tf32-on-ampere-and-later-devices"
            )
        return found.pop()

    def put(self, value: Any) -> None:
        """Say it of both."""
        super().put(value)
        for flag in (_conv, _rnn):
            flag.put("tf32" if value else "none")


def is_available() -> bool:
    """False: cuDNN is not used."""
    return False


def version() -> None:
    """None: cuDNN is not used."""
    return None


def is_acceptable(tensor: object) -> bool:
    """False: cuDNN is not used."""
    return False


def set_flags(
    _enabled: bool | None = None, _benchmark: bool | None = None,
    _benchmark_limit: int | None = None, _deterministic: bool | None = None,
    _allow_tf32: bool | None = None, _fp32_precision: str | None = "none",
    _depthwise_kernel: str | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Set those that are not None; all as they were before."""
    return settings.put(
        __name__, enabled=_enabled, benchmark=_benchmark, benchmark_limit=_benchmark_limit,
        deterministic=_deterministic, allow_tf32=_allow_tf32, fp32_precision=_fp32_precision,
        depthwise_kernel=_depthwise_kernel,
    )  # fmt: skip


def flags(
    enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10,
    deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> AbstractContextManager[None]:  # fmt: skip
    """All flags for a block; they are put back whatever happens in it."""
    return settings.kept(
        __name__, enabled=enabled, benchmark=benchmark, benchmark_limit=benchmark_limit,
        deterministic=deterministic, allow_tf32=allow_tf32, fp32_precision=fp32_precision,
        depthwise_kernel=depthwise_kernel,
    )  # fmt: skip


_all = Precision("cuda", "all", settings.GENERIC)
_conv, _rnn = (Precision("cuda", op, _all, "tf32") for op in ("conv", "rnn"))
conv, rnn = OfOp(_conv), OfOp(_rnn)

settings.declare(
    __name__,
    enabled=Flag(True, "set_enabled_cudnn"),
    benchmark=Flag(False, "set_benchmark_cudnn"),
    benchmark_limit=_Limit(10, ""),
    deterministic=Flag(False, "set_deterministic_cudnn"),
    allow_tf32=_AllowTF32(True, "set_allow_tf32_cublas"),
    fp32_precision=_all,
    depthwise_kernel=Choice(
        "auto", "set_cudnn_depthwise_kernel", "cuDNN depthwise kernel mode",
        ("auto", "cudnn", "native"),
    ),
)  # fmt: skip
