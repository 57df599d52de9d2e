"""The same random search for every loss: `python scripts/tune_losses.py --help`."""

from gan_zoo.commands.tune_losses import main

if __name__ == "__main__":
    main()
