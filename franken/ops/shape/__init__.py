"""Views and new arrangements of the same elements: reshape, slice, join, split."""
