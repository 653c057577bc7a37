"""Shapes, strides, views and memory order: pure planners, the same for both backends."""
