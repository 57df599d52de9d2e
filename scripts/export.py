"""Copy runs into another program's store: `python scripts/export.py --help`."""

from gan_zoo.commands.export import main

if __name__ == "__main__":
    main()
