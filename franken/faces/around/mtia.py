"""torch.mtia: Meta's accelerators are not served."""

from __future__ import annotations

from typing import Any

from franken.faces.around import absent


def is_initialized() -> bool:
    """False: there is no such device here."""
    return False


_CALLS = {
    **dict.fromkeys(
        ("synchronize", "current_device", "current_stream", "default_stream",
         "get_device_capability", "get_device_properties"), "getCurrentDevice",
    ),
    "set_device": "setCurrentDevice", "empty_cache": "emptyCache",
}  # fmt: skip


def _error(name: str) -> Exception:
    if name in _CALLS:
        return RuntimeError(f"Cannot execute {_CALLS[name]}() without MTIA backend.")
    return AssertionError("Torch not compiled with MTIA enabled.")


def memory_allocated(device: Any = None) -> int:
    """0: there is no such device here."""
    return 0


max_memory_allocated = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Nothing: there is no such device here."""
    return {}


absent.fill(
    globals(), _error, "manual_seed manual_seed_all set_stream",
    " ".join(("init", "get_rng_state", "set_rng_state", *_CALLS)),
)  # fmt: skip
