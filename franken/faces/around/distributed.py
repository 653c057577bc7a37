"""torch.distributed: not available. A process is alone, and what would join others raises."""

from __future__ import annotations

import os
from typing import Any, NoReturn

_NONE = (
    "Default process group has not been initialized, please make sure to call init_process_group."
)


def is_available() -> bool:
    """False: processes cannot be joined."""
    return False


is_initialized = is_nccl_available = is_gloo_available = is_mpi_available = is_available
is_ucc_available = is_xccl_available = is_available


def is_torchelastic_launched() -> bool:
    """Whether a launcher that restarts workers started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def _no_group(*args: Any, **kwargs: Any) -> NoReturn:
    """ValueError: there is no process group."""
    raise ValueError(_NONE)


get_rank = get_world_size = get_backend = barrier = all_reduce = broadcast = all_gather = _no_group
reduce = gather = scatter = send = recv = isend = irecv = all_gather_object = _no_group
reduce_scatter = all_to_all = broadcast_object_list = monitored_barrier = _no_group


def init_process_group(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: processes cannot be joined."""
    raise NotImplementedError("torch.distributed: franken joins no processes")


def destroy_process_group(group: Any = None) -> NoReturn:
    """AssertionError: there is no group to destroy."""
    raise AssertionError("Invalid process group specified")
