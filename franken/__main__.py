"""`python -m franken` is the console script `franken`."""

from franken.cli import main

if __name__ == "__main__":
    main(prog_name="franken")
