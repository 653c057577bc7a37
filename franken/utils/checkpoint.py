"""torch.utils.checkpoint: the public names of activation checkpointing.

The work is done in `franken.autograd.checkpoint`.
Source: https://docs.pytorch.org/docs/stable/checkpoint.html
"""

from __future__ import annotations

import franken

_home = franken.autograd.checkpoint
CheckpointError = _home.CheckpointError
CheckpointFunction = _home.CheckpointFunction
check_backward_validity = _home.check_backward_validity
checkpoint = _home.checkpoint
checkpoint_sequential = _home.checkpoint_sequential
detach_variable = _home.detach_variable
noop_context_fn = _home.noop_context_fn
set_checkpoint_debug_enabled = _home.set_checkpoint_debug_enabled
set_checkpoint_early_stop = _home.set_checkpoint_early_stop

__all__ = [
    "CheckpointError", "CheckpointFunction", "check_backward_validity", "checkpoint",
    "checkpoint_sequential", "detach_variable", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]  # fmt: skip
