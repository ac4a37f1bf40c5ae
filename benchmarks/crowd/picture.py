"""How far everybody was at which time, as an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 720, 360, 48


def picture(
    title: str, curves: Sequence[Sequence[tuple[float, float]]], bound: float, end: float
) -> str:
    """One line for each peer: its part of the file over time, up to ``end`` seconds.

    The ``bound`` is marked: nobody's last chunk can be there before.
    """

    def x(seconds: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * seconds / end

    def y(part: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * part

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{MARGIN}" y="{MARGIN / 2}" font-size="14">{escape(title)}</text>',
        f'<path d="M{MARGIN},{y(1):.1f} V{y(0):.1f} H{WIDTH - MARGIN}" fill="none" '
        'stroke="black"/>',
        f'<text x="{MARGIN - 8}" y="{y(1):.1f}" text-anchor="end">all</text>',
        f'<text x="{WIDTH - MARGIN}" y="{y(0) + 18:.1f}" text-anchor="end">{end:.0f} s</text>',
        f'<path d="M{x(bound):.1f},{y(0):.1f} V{y(1):.1f}" stroke="red" stroke-dasharray="4"/>',
        f'<text x="{x(bound) + 4:.1f}" y="{y(0) - 6:.1f}" fill="red">bound {bound:.1f} s</text>',
    ]
    for curve in curves:
        points = " ".join(f"{x(seconds):.1f},{y(part):.1f}" for seconds, part in curve)
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="steelblue" stroke-opacity="0.6"/>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"
