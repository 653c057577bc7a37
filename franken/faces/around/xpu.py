"""torch.xpu: Intel's GPUs are not served."""

from __future__ import annotations

from franken.faces.around import absent


def is_initialized() -> bool:
    """False: there is no such device here."""
    return False


is_bf16_supported = is_initialized
absent.fill(
    globals(),
    lambda name: AssertionError("Torch not compiled with XPU enabled"),
    "empty_cache manual_seed manual_seed_all seed seed_all",
    "init synchronize current_device set_device get_device_name get_device_properties "
    "get_device_capability current_stream set_stream Stream Event get_rng_state set_rng_state "
    "memory_allocated max_memory_allocated mem_get_info initial_seed",
)
