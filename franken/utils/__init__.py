"""torch.utils: checkpointing, data loading and other helpers."""
