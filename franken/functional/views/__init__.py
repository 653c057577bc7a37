"""Views by other names, copies of views, stacks."""
