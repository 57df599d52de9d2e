"""Make the tables and figures of the studies: `python scripts/studies.py --help`."""

from gan_zoo.commands.studies import main

if __name__ == "__main__":
    main()
