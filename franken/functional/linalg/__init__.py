"""Linear algebra made of other ops."""
