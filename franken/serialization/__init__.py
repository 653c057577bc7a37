"""Files of arrays: safetensors, franken's nested container, atomic writes and digests.

Everything here takes and returns NumPy arrays and plain Python values; it knows no Tensor.
Import the module that is needed: none of them is loaded from here.
"""
