"""Random streams and samplers on NumPy arrays: torch's bits on the CPU, counter streams."""
