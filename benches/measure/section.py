"""One section of BENCHMARKS.md: a workload, its table and its plot."""

import statistics

from . import plot, rounds
from .plot import shown
from .programs import HERE, ROOT

REPORT = ROOT / "BENCHMARKS.md"


class Section:
    def __init__(self, name, title, head, rows, bars=(), remark="", unit="", lines=None):
        self.name = name
        self.title = title
        self.head = head
        self.rows = rows
        # What is plotted: label, value, lower and upper end of the whisker; or lines, by their label, each of pairs.
        self.bars = list(bars)
        self.lines = lines
        # What the plot is of.
        self.unit = unit
        self.remark = remark
        # What was measured, round by round, of each peer.
        self.figures = {}

    @classmethod
    def side_by_side(cls, name, title, figures, base, unit="ns", each=1):
        """A table of CPU, with ratios to the peer that is the base; `each` is how many of the unit are in a message."""
        rows, bars = [], []
        for peer, raw in figures.items():
            middle, low, high = rounds.ratios(raw, figures[base])
            figure = [one / each for one in raw]
            best, median = shown(min(figure)), shown(statistics.median(figure))
            rows.append([peer, best, median, f"{middle:.3f} ({low:.3f}-{high:.3f})"])
            bars.append((peer, middle, low, high))
        head = ["peer", f"CPU {unit}, best", "median", f"paired ratio to {base}: median (quartiles)"]
        section = cls(name, title, head, rows, bars, unit=f"server CPU, {base} = 1")
        section.figures = figures
        return section

    def text(self):
        lines = [f"### {self.title}", ""] if self.title else []
        lines += ["| " + " | ".join(self.head) + " |", "|---" * len(self.head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        if self.remark:
            lines += ["", self.remark]
        return "\n".join(lines)

    def plot(self):
        """As SVG, and in words; `None` if there is nothing to draw."""
        if self.bars:
            return plot.bars(self.title, self.unit, self.bars)
        if self.lines:
            return plot.lines(self.title, self.unit, self.lines)
        return None

    def write(self):
        """Draws the plot, and puts the table where the report has a place for it."""
        text = self.text()
        if drawn := self.plot():
            svg, words = drawn
            plots = HERE / "plots"
            plots.mkdir(exist_ok=True)
            (plots / f"{self.name}.svg").write_text(svg)
            text += f'\n\n![{words}](benches/plots/{self.name}.svg "{self.title}")'
        put(self.name, text)


def put(name, text):
    """Replaces what stands between the marks of that name."""
    report = REPORT.read_text()
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    if begin not in report or end not in report:
        raise RuntimeError(f"{REPORT} has no place {begin.strip()} ... {end.strip()}")
    before, rest = report.split(begin, 1)
    _, after = rest.split(end, 1)
    REPORT.write_text(f"{before}{begin}\n{text}\n\n{end}{after}")
