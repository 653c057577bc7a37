"""torch.backends.cuda: flags that programs set; products of float32 stay float32 on GPUs too."""

from __future__ import annotations

from types import SimpleNamespace

from franken.backends import registry

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=False,
    allow_bf16_reduced_precision_reduction=False,
    fp32_precision="none",
)


def is_built() -> bool:
    """Whether GPUs can be used."""
    return registry.cuda_available()


def flash_sdp_enabled() -> bool:
    """False: attention has one implementation."""
    return False


mem_efficient_sdp_enabled = cudnn_sdp_enabled = flash_sdp_enabled


def math_sdp_enabled() -> bool:
    """True: attention has one implementation."""
    return True


def enable_flash_sdp(enabled: bool) -> None:
    """Accept the wish; attention has one implementation."""


enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_flash_sdp
