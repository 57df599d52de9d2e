"""Judge trained runs: `python scripts/evaluate.py RUN... metrics=all num_samples=10000 seed=0`.

RUN is a run's folder or a checkpoint. Writes RUN/evaluation.json and RUN/evaluation/*.png, and
shows a table in which only numbers of equal protocol stand together.

  metrics=all        groups of numbers: all, quick, or a list such as frechet,manifold
  num_samples=10000            samples drawn from each generator
  seed=0             of latent vectors, labels and the choice of reference samples
  cache=FOLDER       where feature networks are kept (default ~/.cache/gan_zoo)
  device=cpu         or auto, cuda, cuda:1

Exit codes: 0; 2 where a run or a setting is wrong; 3 where a run could not be evaluated.
"""

import sys

from gan_zoo.command_line import error_line, error_message, exit_code, one_line_errors
from gan_zoo.schema import ConfigError


def main(words: list[str]) -> int:
    """Evaluate every run; returns the exit code, which is not 0 if any could not be."""
    if not words or {"-h", "--help"} & set(words):
        print(__doc__)
        return 0
    from gan_zoo.evaluation.offline import parse

    asked = parse(words)
    from gan_zoo.evaluation.offline import OfflineEvaluator, format_results  # imports torch

    runs, code = OfflineEvaluator(asked), 0
    for place in asked.runs:
        try:
            runs.evaluate(place)
        except (ConfigError, ArithmeticError, OSError) as error:
            code = max(code, exit_code(error))
            print(error_line(f"{place}: {error_message(error)}"), file=sys.stderr)
    if runs.found:
        print(format_results(runs.found))
    return code


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main(sys.argv[1:]))
