"""Plots as SVG."""

LEFT, WIDTH, ROW = 230, 340, 26


def bars(title, rows):
    """One bar a row (label, value, low, high), with a line from low to high."""
    scale = WIDTH / max(high for _, _, _, high in rows)
    width, height = LEFT + WIDTH + 90, 50 + ROW * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="10" y="22" font-size="14">{title}</text>',
    ]
    for at, (label, value, low, high) in enumerate(rows):
        y = 38 + ROW * at
        colour = "#c0504d" if "retwist" in label else "#8fa9c4"
        lines += [
            f'<text x="10" y="{y + 14}">{label}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="18" fill="{colour}"/>',
            f'<path d="M{LEFT + low * scale:.1f} {y + 9}H{LEFT + high * scale:.1f}" stroke="black"/>',
            f'<text x="{LEFT + 6 + high * scale:.1f}" y="{y + 14}">{shown(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>\n"])


def shown(value):
    """Three digits or so."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
