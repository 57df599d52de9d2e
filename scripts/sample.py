"""Draw from a trained generator: `python scripts/sample.py RUN_OR_CHECKPOINT`."""

import argparse

from gan_zoo.command_line import given_path, one_line_errors, whole_number
from gan_zoo.latest_sweep import resolve

POSITIVE = whole_number(1)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=given_path, help="a run's folder, or a checkpoint file")
    parser.add_argument("--grid", type=POSITIVE, metavar="N", help="one picture of N samples")
    parser.add_argument("--pngs", type=POSITIVE, metavar="N", help="N pictures of one sample each")
    parser.add_argument("--npz", type=POSITIVE, metavar="N", help="an array of N samples")
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


def main() -> None:
    """Write what was asked for, or a grid."""
    asked = arguments()
    from gan_zoo import sampling  # imports torch: only once the command line is known to be good

    source = resolve(asked.source)
    sampler = sampling.load_sampler(source, averaged=not asked.trained)
    chosen = sampler.chosen(asked.classes) if asked.classes is not None else ()
    run = source if source.is_dir() else source.parent.parent
    out = asked.out or run / "generated"

    def latents(count: int) -> dict:
        return {"z": sampler.latent(count, asked.seed), "y": sampler.labels(count, chosen)}

    if asked.pngs:
        sampling.write_pictures(sampler, out / "pngs", **latents(asked.pngs))
    if asked.npz:
        sampling.write_npz(sampler, out / "samples.npz", **latents(asked.npz))
    if asked.interpolation:
        walk = out / "interpolation.png"
        sampling.write_interpolation(sampler, walk, asked.interpolation, 10, asked.seed, chosen)
    if asked.per_class:
        count = asked.per_class * (len(chosen) or sampler.generator.num_classes)
        sampling.write_grid(sampler, out / "classes.png", **latents(count))
    if asked.grid or not (asked.pngs or asked.npz or asked.interpolation or asked.per_class):
        count = asked.grid or sampler.dataset.grid_size
        sampling.write_grid(sampler, out / "grid.png", **latents(count))
    print(f"step {sampler.step}, written to {out}")


if __name__ == "__main__":
    with one_line_errors():
        main()
