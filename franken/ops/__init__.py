"""Every op, one block each: kernels, derivative, batching rule, public forms, samples."""
