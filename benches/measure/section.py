"""One section of BENCHMARKS.md: a workload, its table and its plot."""

from . import plot
from .programs import HERE, ROOT

REPORT = ROOT / "BENCHMARKS.md"


class Section:
    def __init__(self, name, title, head, rows, bars=(), remark=""):
        self.name = name
        self.title = title
        self.head = head
        self.rows = rows
        # What is plotted: label, value, lower and upper end of the whisker.
        self.bars = list(bars)
        self.remark = remark

    def text(self):
        lines = [f"### {self.title}", ""] if self.title else []
        lines += ["| " + " | ".join(self.head) + " |", "|---" * len(self.head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        if self.remark:
            lines += ["", self.remark]
        return "\n".join(lines)

    def write(self):
        """Draws the plot, and puts the table where the report has a place for it."""
        text = self.text()
        if self.bars:
            plots = HERE / "plots"
            plots.mkdir(exist_ok=True)
            (plots / f"{self.name}.svg").write_text(plot.bars(self.title, self.bars))
            text += f"\n\n![{self.title}](benches/plots/{self.name}.svg)"
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
