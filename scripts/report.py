"""Compare runs: `python scripts/report.py --help`."""

from gan_zoo.commands.report import main

if __name__ == "__main__":
    main()
