"""The kernels and their launchers, by kind."""
