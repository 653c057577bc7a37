"""Random numbers: generators, distributions, dropout's noise."""
