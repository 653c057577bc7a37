"""Reading and writing by index, segments, sorting."""
