"""Evaluate trained runs: `python scripts/evaluate.py --help`."""

from gan_zoo.commands.evaluate import main

if __name__ == "__main__":
    main()
