"""A configuration's seeds in one line of its table."""

from gan_zoo.report.comparison import Configuration
from gan_zoo.report.figure_style import BLUE, GRAY, ORANGE
from gan_zoo.report.findings import number


class Strip:
    """Draws a configuration's seeds, mean and interval on a scale that its peers share."""

    def __init__(self, peers: list[Configuration]):
        values = [value for each in peers for value in each.scores.values()]
        room = (max(values) - min(values)) or abs(values[0]) or 1.0
        self.low, self.width = min(values) - 0.15 * room, 1.3 * room

    def __call__(self, each: Configuration) -> str:
        color = ORANGE if each.is_baseline else BLUE
        marks = [
            f'<path d="M{self._x(value)} 2v12" stroke="{GRAY}"/>' for value in each.scores.values()
        ]
        if each.interval:
            low, high = self._x(each.interval.low), self._x(each.interval.high)
            marks.append(f'<path d="M{low} 8H{high}" stroke="{color}" stroke-width="2"/>')
        if each.mean is not None:
            marks.append(f'<circle cx="{self._x(each.mean)}" cy="8" r="3.5" fill="{color}"/>')
        said = f"mean {number(each.mean)}"
        return (
            f'<svg class="strip" viewBox="0 0 130 16" role="img" aria-label="{said}">'
            f"{''.join(marks)}</svg>"
        )

    def _x(self, value: float) -> str:
        return f"{min(max((value - self.low) / self.width, 0.0), 1.0) * 130:.1f}"
