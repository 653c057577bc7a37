"""Matrix products, decompositions, solvers, and the Fourier primitives."""
