"""Who may answer in an op's place: `__torch_function__` of types, and modes."""
