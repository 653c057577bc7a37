"""What kernels declare for their checks, the interpreter, and what sources must show."""
