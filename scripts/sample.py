"""Sample from a trained generator: `python scripts/sample.py --help`."""

from gan_zoo.commands.sample import main

if __name__ == "__main__":
    main()
