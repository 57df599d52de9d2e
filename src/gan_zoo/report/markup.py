"""HTML from values: every text is escaped here, and nowhere else."""

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gan_zoo.report.tables import Column


def text(value: object) -> str:
    """A value as text in HTML, also within a quoted attribute."""
    return html.escape(str(value), quote=True)


def paragraphs(lines: Iterable[str], style: str = "") -> str:
    """Each line as a paragraph, in one block of a style."""
    return f'<div class="{style}">{"".join(f"<p>{text(line)}</p>" for line in lines)}</div>'


def bullets(lines: Sequence[str], style: str = "") -> str:
    """Lines as a list; nothing for none."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="{style}">{items}</ul>' if lines else ""


def link(address: str, words: str) -> str:
    """A link whose address is already quoted as an address."""
    return f'<a href="{text(address)}">{text(words)}</a>'


def html_table(
    columns: Sequence[Column],
    rows: Sequence[Any],
    extra: dict[str, Callable[[Any], str]] | None = None,
) -> str:
    """A table that sorts and filters; extra columns hold ready HTML, and come second."""
    extra = extra or {}
    styles = ["words" * column.wordy for column in columns]
    head = [f'<th class="{s}">{_name(c.title)}</th>' for s, c in zip(styles, columns, strict=True)]
    head[1:1] = [f'<th class="extra">{_name(title)}</th>' for title in extra]
    lines = []
    for row in rows:
        cells = [_cell(column, row) for column in columns]
        cells[1:1] = [f'<td class="extra">{make(row)}</td>' for make in extra.values()]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    long = " long" if len(rows) > 20 else ""
    return (
        f'<div class="scroll{long}"><table class="data"><thead><tr>{"".join(head)}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def pairs(content: Iterable[tuple[str, object]]) -> str:
    """Names and values as a plain two-column table."""
    rows = "".join(
        f'<tr><td>{text(name)}</td><td class="words">{text(value)}</td></tr>'
        for name, value in content
    )
    return f'<div class="scroll"><table class="plain"><tbody>{rows}</tbody></table></div>'


def details(title: str, content: str, opened: bool = False) -> str:
    """Content behind a title that opens it."""
    return f"<details{' open' * opened}><summary>{text(title)}</summary>{content}</details>"


def drawing(figure: Figure) -> str:
    """A figure as an address that holds it, SVG."""
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    return _address("image/svg+xml", written.getvalue())


def picture(pixels: np.ndarray) -> str:
    """Pixels, uint8 (height, width, 3), as an address that holds them, PNG."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG", optimize=True)
    return _address("image/png", written.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _name(title: str) -> str:
    """A column's name, which may be broken after the words of a tag: numbers are narrower."""
    return text(title).replace("/", "/<wbr>").replace("_", "_<wbr>")


def _cell(column: Column, row: Any) -> str:
    style = " ".join(filter(None, ["words" * column.wordy, column.mark(row)]))
    key = column.key(row) if column.key else column.text(row)
    sorted_by = "" if key is None else text(key)
    return f'<td class="{style}" data-key="{sorted_by}">{text(column.text(row))}</td>'
