"""Modules of torch's that programs touch and that mean little here, one small file each.

Each says what is so: `is_available()` tells the truth, and what cannot work raises when it is used.
`franken/faces/torch.py` says under which name a file is torch's.
"""
