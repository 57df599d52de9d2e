"""Search for settings: `python scripts/tune.py --help`."""

from gan_zoo.commands.tune import main

if __name__ == "__main__":
    main()
