"""Softmax, cross entropy and the norms."""
