"""What Tensor is: made, read, printed, stored, cast and moved."""
