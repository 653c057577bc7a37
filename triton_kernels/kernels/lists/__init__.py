"""Steps over lists of arrays in one launch: optimizers, clipping."""
