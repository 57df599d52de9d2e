"""Describe a dataset and the networks for it: `python scripts/describe.py --help`."""

from gan_zoo.commands.describe import main

if __name__ == "__main__":
    main()
