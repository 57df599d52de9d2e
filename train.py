"""Train one GAN, or with -m a sweep of them: `python train.py --help`."""

import sys
from pathlib import Path

from gan_zoo.help import help_text, wants_help
from gan_zoo.imports import uncollected

if __name__ == "__main__":
    configs = Path(__file__).parent / "configs"
    if wants_help(sys.argv[1:]):
        print(help_text(configs, sys.argv[1:]))
    else:
        with uncollected():
            from gan_zoo.launch.main import main  # imports Hydra, for which help does not wait
        main(configs)
