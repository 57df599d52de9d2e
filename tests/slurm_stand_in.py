"""Stand-ins for the commands of SLURM that submitit calls: they run a job array on this machine.

`StandIn` writes them into a folder for `PATH`. Each calls this file; they share that folder, with
the submitted script and the state of each job.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scontrol")


class StandIn:
    """A SLURM that runs one job array.

    Attributes:
        environment: variables with which its commands are found.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir()
        for name in COMMANDS:
            command = folder / name
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{__file__}" {name} "$@"\n')
            command.chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.environment = {"PATH": path, "SLURM_STAND_IN": str(folder)}

    def script(self) -> str:
        """The script that was submitted."""
        return next(self._folder.glob("*.sh")).read_text()

    def states(self) -> list[str]:
        """The states of the array's jobs."""
        return [path.read_text() for path in sorted(self._folder.glob("*.state"))]

    def pid(self, task: int) -> int:
        """The process of a job that has started."""
        return int(next(self._folder.glob(f"*_{task}.pid")).read_text())


def options(script: str) -> dict[str, str]:
    """Return the options of a submitted script; empty values for flags."""
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", script, re.MULTILINE))


def _sbatch(folder: Path, path: str) -> None:
    script = Path(path).read_text()
    number = 1001
    (folder / f"{number}.sh").write_text(script)
    count = int(options(script).get("array", "0-0").partition("-")[2].partition("%")[0]) + 1
    for task in range(count):
        (folder / f"{number}_{task}.state").write_text("PENDING")
    words = [sys.executable, "-S", __file__, "array", str(number)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen(words, start_new_session=True, **quiet)
    print(f"Submitted batch job {number}")


def _array(folder: Path, number: str) -> None:
    """Run the jobs of an array in turn; a requeued one again."""
    for task in range(len(list(folder.glob(f"{number}_*.state")))):
        state = folder / f"{number}_{task}.state"
        ids = {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": str(task)}
        environment = {**os.environ, **ids, "SLURM_JOB_ID": str(int(number) + task)}
        while state.read_text() in ("PENDING", "REQUEUED"):
            state.write_text("RUNNING")
            code = subprocess.run(["bash", folder / f"{number}.sh"], env=environment).returncode
            if state.read_text() == "RUNNING":
                state.write_text("FAILED" if code else "COMPLETED")


def _srun(folder: Path, *words: str) -> None:
    """Become the command, which writes to the file that --output names."""
    output = Path(words[words.index("--output") + 1])
    array, task = os.environ["SLURM_ARRAY_JOB_ID"], os.environ["SLURM_ARRAY_TASK_ID"]
    (folder / f"{array}_{task}.pid").write_text(str(os.getpid()))
    name = str(output).replace("%A", array).replace("%a", task).replace("%t", "0")
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    command = words[words.index("--output") + 2 :]
    os.execvp(command[0], command)


def _sacct(folder: Path, *words: str) -> None:
    print("JobID|State|NodeList")
    for number in words[words.index("-j") + 1 :: 2]:
        for state in sorted(folder.glob(f"{number}_*.state")):
            print(f"{state.stem}|{state.read_text()}|here")


def _scontrol(folder: Path, action: str, job: str) -> None:
    assert action == "requeue"
    (folder / f"{job}.state").write_text("REQUEUED")


if __name__ == "__main__":
    commands = {"sbatch": _sbatch, "array": _array, "srun": _srun, "sacct": _sacct}
    commands |= {"scontrol": _scontrol}
    commands[sys.argv[1]](Path(os.environ["SLURM_STAND_IN"]), *sys.argv[2:])
