"""Writing by index and by element, made of other ops."""
