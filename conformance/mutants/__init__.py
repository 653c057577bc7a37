"""Mutation testing: small faults planted one at a time, and whether any test notices."""
