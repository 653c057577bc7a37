"""Checkpoint files of other programs: where their tensors lie, and how to write such files.

Reads .safetensors, .pt (torch zip), .npz, .npy and index files by content, and executes nothing
that they hold. Knows bytes, names and NumPy arrays; it knows no Tensor and no sidecar.
Import the module that is needed: none of them is loaded from here.
"""
