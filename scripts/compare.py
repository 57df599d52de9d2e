"""Which loss for my images? `python scripts/compare.py --help`."""

from gan_zoo.commands.compare import main

if __name__ == "__main__":
    main()
