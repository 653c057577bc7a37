"""Reading and writing at places: index expressions, gather and scatter, masks."""
