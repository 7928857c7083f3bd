"""Plots as SVG, each with what it shows in words, for those who do not see it."""

import math

LEFT, WIDTH, ROW = 270, 340, 26
HEIGHT = 260
OURS = "#b03a35"
# Told apart by brightness too. A line has its name at its end.
OTHERS = ("#1f4e79", "#5b8db8", "#7a7a7a", "#a37c27", "#4f7f52", "#8a5fa0", "#2f9c95", "#b5651d")


def bars(title, unit, rows):
    """One bar a row (label, value, low, high), with a line from low to high."""
    scale = WIDTH / max(high for _, _, _, high in rows)
    words = f"{title}; {unit}: " + ", ".join(f"{label} {shown(value)}" for label, value, _, _ in rows)
    drawn = []
    for at, (label, value, low, high) in enumerate(rows):
        y = 58 + ROW * at
        colour = OURS if "retwist" in label else "#8fa9c4"
        drawn += [
            f'<text x="10" y="{y + 14}">{escaped(label)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="18" fill="{colour}"/>',
            f'<path d="M{LEFT + low * scale:.1f} {y + 9}H{LEFT + high * scale:.1f}" stroke="black"/>',
            f'<text x="{LEFT + 6 + high * scale:.1f}" y="{y + 14}">{shown(value)}</text>',
        ]
    return picture(title, unit, words, LEFT + WIDTH + 90, 70 + ROW * len(rows), drawn), words


def lines(title, unit, series):
    """A line for each label: its points (x, y), on axes of powers."""
    points = [point for line in series.values() for point in line]
    marks = ticks([y for _, y in points])
    across, up = axis([x for x, _ in points]), axis(marks)
    left, top, width = 80, 66, 430

    def place(x, y):
        return left + across(x) * width, top + HEIGHT - up(y) * HEIGHT

    drawn = []
    for x in sorted({x for x, _ in points}):
        at, _ = place(x, points[0][1])
        drawn.append(f'<path d="M{at:.1f} {top}V{top + HEIGHT}" stroke="#ddd"/>')
        drawn.append(f'<text x="{at:.1f}" y="{top + HEIGHT + 20}" text-anchor="middle">{x:,}</text>')
    for y in marks:
        _, at = place(points[0][0], y)
        drawn.append(f'<path d="M{left} {at:.1f}H{left + width}" stroke="#ddd"/>')
        drawn.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{y:,}</text>')
    colours = iter(OTHERS)
    ends = []
    for label, line in series.items():
        colour = OURS if "retwist" in label else next(colours)
        placed = [place(x, y) for x, y in line]
        drawn.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        ends.append((placed[-1][1], label, colour))
    # Names of lines that end close together stand one below the other.
    lowest = -math.inf
    for y, label, colour in sorted(ends):
        lowest = max(y, lowest + 16)
        drawn.append(f'<text x="{left + width + 10}" y="{lowest + 4:.1f}" fill="{colour}">{escaped(label)}</text>')
    words = f"{title}; {unit}: " + "; ".join(
        f"{label} " + ", ".join(f"{shown(y)} at {x:,}" for x, y in line) for label, line in series.items()
    )
    return picture(title, unit, words, left + width + 170, top + HEIGHT + 34, drawn), words


def axis(values):
    """Where a value stands between the least and the greatest, by its power."""
    low, high = math.log(min(values)), math.log(max(values))
    return lambda value: (math.log(value) - low) / ((high - low) or 1)


def ticks(values):
    """1, 2 and 5 of the powers of ten, from the last below them to the first above."""
    powers = range(max(0, math.floor(math.log10(min(values)))), math.ceil(math.log10(max(values))) + 1)
    some = [one * 10**power for power in powers for one in (1, 2, 5)]
    below = max((tick for tick in some if tick <= min(values)), default=some[0])
    above = min(tick for tick in some if tick >= max(values))
    return [tick for tick in some if below <= tick <= above]


def picture(title, unit, words, width, height, drawn):
    begin = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="sans-serif" font-size="13" role="img" aria-labelledby="title words">',
        f'<title id="title">{escaped(title)}</title>',
        f'<desc id="words">{escaped(words)}</desc>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="10" y="22" font-size="14">{escaped(title)}</text>',
        f'<text x="10" y="42" fill="#555">{escaped(unit)}</text>',
    ]
    return "\n".join([*begin, *drawn, "</svg>\n"])


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(value):
    """Three digits or so."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
