"""What an editor sees of names that exist at run time only: stubs, written from the registry."""
