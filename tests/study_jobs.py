"""The jobs of a study's sweeps, as Hydra would start them."""

from gan_zoo import launch
from gan_zoo.launch.preflight import sweep_jobs


def jobs_of(sweep):
    """Return the words of each job of a sweep."""
    words = [word for word in launch.prepare_overrides(["-m", *sweep.words]) if word != "-m"]
    return sweep_jobs([launch.parse_override(word) for word in words])


def in_place_of_mnist(study):
    """Return words that replace MNIST, which is a download, by data that is none."""
    return [] if study in ("mixture", "density", "allocation") else ["dataset=glyphs"]
