"""Train one GAN, or with -m a sweep of them: `python train.py --help`."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_zoo import launch


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(config: DictConfig) -> None:
    """Train in the folder that Hydra made for this job."""
    hydra_config = HydraConfig.get()
    alone = hydra_config.mode == RunMode.RUN
    launch.train(config, Path(hydra_config.runtime.output_dir), alone)


if __name__ == "__main__":
    configs = Path(__file__).parent / "configs"
    launch.in_one_line(launch.directly(main, configs), configs)
