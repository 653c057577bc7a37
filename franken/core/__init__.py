"""The core: dtypes, shapes, schemas, tensors and the one `bind`; it knows no op."""
