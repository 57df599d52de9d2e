"""gan_zoo: which loss should the critic of a GAN minimise?"""

__version__ = "0.1.0"
