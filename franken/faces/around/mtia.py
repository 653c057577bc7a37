"""torch.mtia: Meta's accelerators are not served."""

from __future__ import annotations

from franken.faces.around import absent


def is_initialized() -> bool:
    """False: there is no such device here."""
    return False


absent.fill(
    globals(),
    lambda name: RuntimeError(f"Cannot execute {name}() without MTIA backend."),
    "manual_seed manual_seed_all",
    "init synchronize current_device set_device current_stream default_stream set_stream stream "
    "device empty_cache memory_stats memory_allocated max_memory_allocated get_rng_state "
    "set_rng_state get_device_properties get_device_capability",
)
