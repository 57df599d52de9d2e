"""Train one GAN, or with -m a sweep of them: `python train.py --help`."""

# Hydra completes `python train.py` in a shell where it finds @hydra.main in the file.
from gan_zoo.launch.main import main

if __name__ == "__main__":
    main()
