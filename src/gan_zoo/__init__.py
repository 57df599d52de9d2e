"""gan_zoo: which loss should the critic of a GAN minimize?"""

__version__ = "0.1.0"
