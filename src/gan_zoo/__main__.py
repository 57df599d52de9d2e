"""The program `gan-zoo COMMAND ...`, also `python -m gan_zoo COMMAND ...`."""

import importlib
import sys

from gan_zoo import __version__
from gan_zoo.command_line import exit_usage_error
from gan_zoo.schema import suggest

COMMANDS = {
    "train": "train one GAN, or with -m a sweep of them",
    "sample": "sample from a trained generator",
    "evaluate": "evaluate trained runs",
    "compare": "which loss for my images? plan, train and recommend in a time budget",
    "report": "compare runs: a page with tables and figures",
    "describe": "describe a dataset and the networks for it",
    "gallery": "animate the samples of runs",
    "export": "copy runs into an MLflow store",
    "studies": "make tables and figures of the studies",
    "tune": "search for the settings with the best metric",
    "tune-losses": "tune every loss under the same budget",
    "examples": "print commands to paste",
}
EXAMPLES = """\
gan-zoo train                                            # digits, offline, minutes on a laptop
gan-zoo train dataset=ring loss=wgan steps=2000          # points: the fastest comparison
gan-zoo train -m loss=gan,wgan,glsgan seed=0,1,2         # a sweep; ends in a report
gan-zoo train -m loss=glsgan loss.slope=-1,-0.5,0,0.5,1 seed=0,1,2
gan-zoo train dataset=image_folder dataset.root=FOLDER dataset.size=32
gan-zoo train loss=wgan --help                           # all settings of what is chosen
gan-zoo train resume=outputs/runs/RUN                    # after a crash or Ctrl-C
gan-zoo compare dataset.root=FOLDER budget=1h            # which loss for my images?
gan-zoo sample outputs/runs/RUN --grid 64
gan-zoo evaluate outputs/runs/RUN
gan-zoo report outputs/sweeps/LATEST
gan-zoo export --mlflow outputs/sweeps/LATEST
gan-zoo tune lr dataset=ring 'optimizer.lr=interval(1e-5,1e-2,log)' --trials 20"""


def main() -> None:
    """Run the command that the first word names, with the words after it."""
    name, *words = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(_help())
    elif name == "--version":
        print(f"gan-zoo {__version__}")
    elif name == "examples":
        print(EXAMPLES)
    elif name == "-sc":
        from gan_zoo.launch.completion import complete

        complete(words, COMMANDS)
    elif name not in COMMANDS:
        exit_usage_error(f"{name}: {suggest(name, COMMANDS)}")
    else:
        sys.argv = [f"gan-zoo {name}", *words]
        module = (
            "gan_zoo.launch.main"
            if name == "train"
            else f"gan_zoo.commands.{name.replace('-', '_')}"
        )
        importlib.import_module(module).main()


def _help() -> str:
    lines = [f"  {name:<12} {purpose}" for name, purpose in COMMANDS.items()]
    first = "gan-zoo COMMAND ...: train GANs, and compare their losses"
    last = "gan-zoo COMMAND --help explains a command; gan-zoo --version prints the version."
    return "\n".join([first, "", *lines, "", last])


if __name__ == "__main__":
    main()
