"""Command lines without flags, composed once: Hydra composes twice, to learn first if it sweeps."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.types import HydraContext, RunMode

from gan_zoo.launch.help import help_text


def directly(main: Callable[..., Any], configs: Path) -> Callable[[], Any]:
    """A Hydra main function; help or a single run without its second look at the configuration."""
    words = sys.argv[1:]
    flags = {word for word in words if word.startswith("-")}
    if flags and flags <= {"--help", "-h"}:
        overrides = [word for word in words if word not in flags]
        return lambda: print(help_text(configs, overrides))
    may_sweep = flags or any("hydra.mode" in word for word in words)
    return main if may_sweep else lambda: _run(main, configs)


def _run(main: Callable[..., Any], configs: Path) -> None:
    """As Hydra's own run, from composing to the job's end."""
    with initialize_config_dir(str(configs.resolve()), version_base="1.3"):
        config = compose("train", sys.argv[1:], return_hydra_config=True)
        if config.hydra.mode != RunMode.MULTIRUN:
            config.hydra.mode = RunMode.RUN
            callbacks = Callbacks(config)
            callbacks.on_run_start(config=config, config_name="train")
            context = HydraContext(GlobalHydra.instance().config_loader(), callbacks)
            job = run_job(main, config, "hydra.run.dir", None, context)
            callbacks.on_run_end(config=config, config_name="train", job_return=job)
            _ = job.return_value  # raises what ended the job
            return
    main()  # a configuration that sweeps by itself
