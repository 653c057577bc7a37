"""torch.version: what this build is; `cuda` is the driver library's version, None without one."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
debug = False
git_version = "unknown"
hip = xpu = None


def __getattr__(name: str) -> Any:
    if name != "cuda":
        raise AttributeError(f"module 'torch.version' has no attribute '{name}'")
    from franken.backends import registry

    if not registry.cuda_available():
        return None
    number = registry.array_module().cuda.runtime.runtimeGetVersion()
    return f"{number // 1000}.{number % 1000 // 10}"
