"""The meta device: arrays that have a geometry and no elements, and the kernels that plan them."""
