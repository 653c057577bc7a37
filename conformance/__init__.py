"""The conformance harness: proofs of what franken claims, against live oracles."""
