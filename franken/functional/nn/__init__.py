"""Layers made of other ops."""
