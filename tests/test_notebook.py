"""The notebook in docs/ runs, cell by cell, and shows what it wrote.

Its cells are plain Python, so the tests need no Jupyter.
"""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[1] / "docs" / "compare-losses.ipynb"
CELLS = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]


def test_cells_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    space = {}
    for cell in CELLS:
        code = "".join(cell["source"])
        short = code.replace("steps=3000, evaluate_every=500", "steps=2, evaluate_every=1")
        exec(
            compile(short.replace("10_000", "50"), f"cell {cell['execution_count']}", "exec"), space
        )
    assert len(list(tmp_path.glob("outputs/runs/*/evaluation.json"))) == 2
    assert space["page"].is_file()


def test_stored_output_is_complete_and_small():
    assert [cell["execution_count"] for cell in CELLS] == [*range(1, len(CELLS) + 1)]
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert not any(output["output_type"] == "error" for output in outputs)
    assert NOTEBOOK.stat().st_size < 300_000


def test_stored_output_names_no_folder_of_a_machine():
    texts = [
        output.get("text") or output["data"]["text/plain"] for c in CELLS for output in c["outputs"]
    ]
    assert not any(word.startswith(("/", "'/")) for text in texts for word in "".join(text).split())
