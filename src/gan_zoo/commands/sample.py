"""Sample from a trained generator: `gan-zoo sample RUN_OR_CHECKPOINT`."""

import argparse
from pathlib import Path

from gan_zoo.command_line import as_called, given_path, one_line_errors, whole_number
from gan_zoo.latest_sweep import resolve
from gan_zoo.run_folder import has_sweep
from gan_zoo.schema import ConfigError

POSITIVE = whole_number(1)
_CHECKPOINTS = "**/checkpoints/*.pt"


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=as_called(__doc__))
    parser.add_argument("source", type=given_path, help="a run's folder, or a checkpoint file")
    parser.add_argument("--grid", type=POSITIVE, metavar="N", help="one image of N samples")
    parser.add_argument("--pngs", type=POSITIVE, metavar="N", help="N images of one sample each")
    folders = "N images of each class, in a folder of its own; replaces those of an earlier call"
    parser.add_argument("--pngs-per-class", type=POSITIVE, metavar="N", help=folders)
    arrays = "an .npz of N samples: x are images, bytes (N, channels, height, width), or points"
    parser.add_argument("--npz", type=POSITIVE, metavar="N", help=arrays)
    parser.add_argument("--interpolation", type=POSITIVE, metavar="ROWS", help="rows of ten steps")
    classes = {"metavar": "NAME[,NAME...]", "dest": "classes"}
    parser.add_argument("--class", **classes, help="only this class, or these; names or numbers")
    parser.add_argument("--per-class", type=POSITIVE, metavar="N", help="a grid, N of each class")
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, help="of the latent vectors (default 0)"
    )
    parser.add_argument("--trained", action="store_true", help="not the moving average")
    parser.add_argument("--out", type=given_path, help="folder to write to (default RUN/generated)")
    return parser.parse_args()


def refuse_sweep(source: Path) -> None:
    """Raise ConfigError for a sweep's folder; it names a run to sample from."""
    if has_sweep(source):
        found = next((path.parents[1] for path in sorted(source.glob(_CHECKPOINTS))), None)
        allowed = f"choose one of its runs, such as {found}" if found else "no run has a checkpoint"
        raise ConfigError("run", source, f"is a sweep; {allowed}")


@one_line_errors()
def main() -> None:
    """Write the requested files, or a grid."""
    args = arguments()
    source = resolve(args.source)
    refuse_sweep(source)
    from gan_zoo import sampling  # imports torch, so only after the command line is checked
    from gan_zoo.checkpoints import results_folder

    sampler = sampling.load_sampler(source, averaged=not args.trained)
    chosen = sampler.parse_classes(args.classes) if args.classes is not None else ()
    num_classes = len(chosen) or sampler.generator.num_classes
    out = args.out or results_folder(source) / "generated"
    for name in ("per_class", "pngs_per_class"):
        if getattr(args, name) and not sampler.class_names:
            key = name.replace("_", "-")
            raise ConfigError(key, getattr(args, name), sampling.UNCONDITIONAL)

    def latents(count: int) -> dict:
        return {"z": sampler.latent(count, args.seed), "y": sampler.labels(count, chosen)}

    if args.pngs:
        sampling.write_images(sampler, out / "pngs", **latents(args.pngs))
    if args.pngs_per_class:
        by_class = latents(args.pngs_per_class * num_classes)
        sampling.write_images(sampler, out / "pngs-per-class", **by_class, by_class=True)
    if args.npz:
        about = sampling.write_npz(sampler, out / "samples.npz", **latents(args.npz))
        print(f"samples.npz: {about}")
    if args.interpolation:
        path = out / "interpolation.png"
        sampling.write_interpolation(sampler, path, args.interpolation, 10, args.seed, chosen)
    if args.per_class:
        sampling.write_grid(sampler, out / "classes.png", **latents(args.per_class * num_classes))
    asked = (args.pngs, args.pngs_per_class, args.npz, args.interpolation, args.per_class)
    if args.grid or not any(asked):
        count = args.grid or sampler.grid_count(chosen)
        sampling.write_grid(sampler, out / "grid.png", **latents(count))
    print(f"step {sampler.step}, written to {out}")
