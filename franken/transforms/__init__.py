"""Function transforms: grad, jvp, vmap, staging; levels over one core."""
