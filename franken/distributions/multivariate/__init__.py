"""Distributions over vectors and matrices; `torch.distributions.<file>` is each file's name."""
