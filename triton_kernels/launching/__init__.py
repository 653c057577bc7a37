"""How kernels are started: arrays, axes, configurations, compilation ahead of time."""
