"""Reductions and statistics made of other ops."""
