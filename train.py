"""Train one GAN, or with -m a sweep of them: `python train.py --help`."""

from gan_zoo.launch.main import main

if __name__ == "__main__":
    main()
