"""Completion of the command line in bash."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
ASK = """
eval "$({install})"
COMP_LINE={line} COMP_POINT={point} COMP_CWORD={last}
hydra_bash_completion
printf '%s\\n' "${{COMPREPLY[@]}}"
complete -p {name}
"""


@pytest.fixture
def completed(tmp_path):
    """A function that returns what bash suggests for a line, with completion installed."""
    if BASH is None:
        pytest.skip("bash is not installed")
    python = shlex.quote(sys.executable)
    for name, words in (("gan-zoo", "-m gan_zoo"), ("python", "")):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\nexec {python} {words} "$@"\n')
        path.chmod(0o755)

    def complete(install, line):
        name, last = line.split(" ")[0], line.count(" ")
        asked = {"install": install, "line": shlex.quote(line), "point": len(line), "last": last}
        script = f"PATH={shlex.quote(str(tmp_path))}:$PATH" + ASK.format(name=name, **asked)
        call = [BASH, "--norc", "-c", script]
        ran = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
        *suggested, installed = ran.stdout.split("\n")[:-1]
        assert installed.endswith(f"-F hydra_bash_completion {name}"), ran.stderr
        return suggested

    return complete


@pytest.mark.parametrize(
    ("line", "suggested"),
    [
        ("gan-zoo re", ["report"]),
        ("gan-zoo train loss=w", ["loss=wgan"]),
        ("gan-zoo train loss=glsgan loss.s", ["loss.slope="]),
        ("gan-zoo train -m dataset=ri", ["dataset=ring"]),
        ("gan-zoo sample READ", ["README.md"]),
    ],
)
def test_program_is_completed(completed, line, suggested):
    assert completed("gan-zoo -sc install=bash", line) == suggested


def test_script_is_completed(completed):
    assert completed("python train.py -sc install=bash", "python train.py loss=w") == ["loss=wgan"]
