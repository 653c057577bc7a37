"""Losses made of other ops."""
