"""Imports run one way, and heavy libraries load only when needed."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "gan_zoo"
MODULES = sorted(SOURCE.rglob("*.py"))

# Packages of gan_zoo that a part may import, besides itself and the schema.
MAY_IMPORT = {
    "schema": set(),
    "atomic_write": set(),
    "losses": {"ranks"},
    "ranks": {"collectives"},
    "collectives": set(),
    "regularizers": {"ranks", "spectral_norm"},
    "spectral_norm": set(),
    "optimizers": set(),
    "architectures": set(),
    "data": {"atomic_write", "cpu_cores", "devices", "printable", "ranks"},
    "printable": set(),
    "devices": set(),
    "cpu_cores": set(),
    "closed_terminal": set(),
    "training": {
        *("architectures", "closed_terminal", "cpu_cores", "data", "devices", "losses", "ranks"),
        "regularizers",
    },
}
LEAVES = {"losses", "ranks", "regularizers", "optimizers", "schema"}


def part(path):
    """Return the package or module of gan_zoo that contains a file."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree):
    """Yield the names of all modules imported anywhere in a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_level(tree):
    """Return the statements that run when a module is imported."""
    body = [n for n in tree.body if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    return ast.Module([n for n in body if not is_for_types(n)], [])


def is_for_types(node):
    """Return whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_one_way(path):
    allowed = MAY_IMPORT.get(part(path))
    names = set(imports(ast.parse(path.read_text())))
    ours = {name.split(".")[1] for name in names if name.startswith("gan_zoo.")}
    if allowed is not None:
        assert ours <= allowed | {part(path), "schema"}
    if part(path) not in ("launch", "commands"):
        assert not any(name.split(".")[0] in ("hydra", "omegaconf") for name in names)
    if part(path) not in ("monitoring", "report"):
        assert not any(name.split(".")[0] == "tensorboard" for name in names)
    assert "run" not in ours or part(path) in ("launch", "api", "stacked_run")
    assert "stacked_run" not in ours or part(path) == "launch"


def test_no_modules_import_each_other():
    names = {}
    for path in MODULES:
        parts = ("gan_zoo", *path.relative_to(SOURCE).with_suffix("").parts)
        names[".".join(parts).removesuffix(".__init__")] = path
    graph = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text())
        tree.body = [node for node in tree.body if not is_for_types(node)]
        graph[name] = set(imports(tree)) & set(names)
        # `from package import module` also imports the package, whose __init__ imports little
        graph[name] -= {n for n in graph[name] if any(m.startswith(f"{n}.") for m in graph[name])}
    graph["gan_zoo"] = set()  # offers the interface for users, imported when it is first used
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_settings_need_no_torch(name):
    files = [path for path in MODULES if part(path) == name]
    assert files
    names = {n for path in files for n in imports(top_level(ast.parse(path.read_text())))}
    assert not any(n.split(".")[0] in ("torch", "numpy", "PIL") for n in names)


def loaded_after(code):
    script = f"import sys\n{code}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_checking_settings_except_networks_needs_no_torch():
    heavy = {"torch", "numpy", "PIL", "torchvision", "tensorboard", "matplotlib"}
    assert not heavy & loaded_after(
        "import gan_zoo.launch, gan_zoo.data.glyphs, gan_zoo.optimizers"
    )


def test_training_needs_no_torchvision():
    loaded = loaded_after("import gan_zoo.run")
    assert not {"torchvision", "torch.utils.tensorboard", "matplotlib", "scipy"} & loaded


@pytest.mark.parametrize(
    "overrides",
    [
        ["dataset=ring"],
        ["dataset=ring", "loss=wgan", "recipe=paper"],  # RMSprop
        ["architecture=dcgan", "dataset.count=64", "architecture.generator.width=4"],
    ],
    ids=" ".join,
)
def test_run_needs_no_compiler_or_report_libraries(tmp_path, overrides):
    overrides = [
        *overrides,
        f"hydra.run.dir={tmp_path}",
        "steps=1",
        "device=cpu",
        "evaluate_every=0",
    ]
    loaded = loaded_after(
        f"import runpy; sys.argv = ['train.py', *{overrides!r}]\n"
        "runpy.run_path('train.py', run_name='__main__')"
    )
    assert "tensorboard" in loaded
    assert not {"torch._dynamo", "sympy", "torchvision", "matplotlib", "scipy"} & loaded
