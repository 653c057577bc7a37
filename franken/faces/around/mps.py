"""torch.mps: Apple's GPUs are not served."""

from __future__ import annotations

from franken.faces.around import absent

_CALLS = {
    "synchronize": "deviceSynchronize", "empty_cache": "emptyCache",
    "current_allocated_memory": "currentAllocatedMemory", "manual_seed": "manual_seed",
    "driver_allocated_memory": "driverAllocatedMemory", "seed": "seed",
    "recommended_max_memory": "recommendedMaxMemory", "get_rng_state": "getDefaultGenerator",
    "set_per_process_memory_fraction": "setMemoryFraction", "set_rng_state": "getDefaultGenerator",
    "Event": "acquireEvent", "compile_shader": "compile_shader",
}  # fmt: skip
absent.fill(
    globals(),
    lambda name: RuntimeError(f"Cannot execute {_CALLS[name]}() without MPS backend."),
    "",
    " ".join(_CALLS),
)
