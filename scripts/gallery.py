"""Animate the samples of runs: `python scripts/gallery.py --help`."""

from gan_zoo.commands.gallery import main

if __name__ == "__main__":
    main()
