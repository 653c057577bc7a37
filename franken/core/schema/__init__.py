"""Op schemas in torch's notation: the model, the parser, and schemas read off signatures."""
