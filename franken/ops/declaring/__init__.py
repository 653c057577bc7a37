"""How an op is declared: elementwise blocks, batching rules, samples, result tuples."""
