"""Distributions over isolated values; `torch.distributions.<file>` is each file's name there."""
