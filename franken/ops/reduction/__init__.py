"""Ops along axes: sums, extrema, moments, softmax, scans, sorting and sets."""
