"""Distributions over the real line; `torch.distributions.<file>` is each file's name there."""
