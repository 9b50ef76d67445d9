"""The style of all figures, and axes to draw into: for files, and for SVG that takes colors and fonts from its page."""

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

__all__ = [
    *('FALL', 'GRADED', 'GRID', 'INK', 'METHODS', 'MUTED', 'RISE', 'SHADES', 'TAIL', 'WIDTH', 'Drawing'),
    *('canvas', 'colour_of', 'draw', 'draw_into_file', 'legend', 'marker_of', 'plain_numbers'),
]

# Colours of the light page; each is replaced by the page's own, which knows the dark one too.
INK, MUTED, GRID, RISE, FALL, TAIL = '#1b2024', '#5b6670', '#dde1e4', '#0a6cae', '#c04a08', '#f3efe2'
METHODS = ('#4a5560', '#0b6db0', '#c24b09', '#007a5b', '#99417a', '#7d6608')
# From frequent to rare classes; as dark as the colors above, such that they show on light and on dark ground.
GRADED = LinearSegmentedColormap.from_list(
    'classes', ['#4169e1', '#0a84a8', '#1f8f5f', '#7d8a10', '#c46f12', '#d64550']
)
# Of what grows from 0: from the ground, light or dark, to blue; as a square root, so that small values show.
SHADES = ListedColormap([(0.12, 0.47, 0.71, math.sqrt(step / 255)) for step in range(256)])
VARIABLES = {
    **dict(zip((INK, MUTED, GRID, RISE, FALL, TAIL), ('ink', 'muted', 'grid', 'rise', 'fall', 'tail'), strict=True)),
    **{colour: f'method-{index}' for index, colour in enumerate(METHODS)},
}
MARKERS = 'osD^vP'
WIDTH = 4.7  # inches, which a phone shows a little smaller and a desktop a little larger
ROW = 0.17  # inches of a row in a legend
STYLE: Any = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'ltseg',
    'text.parse_math': False,  # names of classes and methods may hold a dollar sign
    'font.size': 9.5,
    'axes.titlesize': 9.5,
    'text.color': INK,
    'axes.labelcolor': MUTED,
    'axes.edgecolor': MUTED,
    'axes.linewidth': 0.6,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': GRID,
    'grid.linewidth': 0.6,
    'xtick.color': MUTED,
    'ytick.color': MUTED,
    'xtick.labelcolor': INK,
    'ytick.labelcolor': INK,
    'xtick.major.width': 0.6,
    'ytick.major.width': 0.6,
    'xtick.major.size': 3,
    'ytick.major.size': 3,
    'lines.linewidth': 1.4,
    'legend.frameon': False,
    'legend.fontsize': 8.5,
    'figure.constrained_layout.use': True,
}


@dataclass(frozen=True)
class Drawing:
    """A figure of the page.

    Args:
        svg: The picture.
        title: What it shows, one line.
        alt: What a reader sees in it, for those who do not.
        caption: How to read it.
        tall: Whether it is so tall that it scrolls in a box of its own.
    """

    svg: Markup
    title: str
    alt: str
    caption: str = ''
    tall: bool = False


def colour_of(index: int) -> str:
    """Colour of the method at a position; they repeat."""
    return METHODS[index % len(METHODS)]


def marker_of(index: int) -> str:
    """Marker of the method at a position: where colours repeat, it is another one."""
    return MARKERS[(index + index // len(METHODS)) % len(MARKERS)]


def legend(axes: Axes, below: bool = False) -> None:
    """A legend above or below the axes, where anything in them has a name; the figure grows with its rows."""
    names = axes.get_legend_handles_labels()[1]
    if not names:
        return
    columns = 3 if len(names) > 6 and max(map(len, names)) <= 14 else 2
    figure: Any = axes.figure
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + ROW * max(math.ceil(len(names) / columns) - 2, 0))
    made = figure.legend(loc='outside lower left' if below else 'outside upper left', ncols=columns)
    for handle in made.legend_handles:
        if isinstance(handle, Line2D):  # the points of a cloud are too small to tell their color
            handle.set(markersize=max(handle.get_markersize(), 4.5), alpha=1)


def plain_numbers(axis: Axis) -> None:
    """Writes 0.1 and 10 at a logarithmic axis, instead of powers; and numbers between them where there is room."""
    low, high = axis.get_view_interval()
    axis.set_major_formatter('{x:g}')
    axis.set_minor_formatter('{x:g}' if high < 10 * low else NullFormatter())


@contextmanager
def canvas(height: float, width: float, **style: Any) -> Iterator[Figure]:
    """An empty figure, and matplotlib as the page has it but for ``style``."""
    with mpl.rc_context(STYLE | style), warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Glyph')  # the reader's fonts draw the text, not matplotlib's
        yield Figure(figsize=(width, height))


@contextmanager
def draw_into_file(path: Path, height: float, width: float) -> Iterator[Axes]:
    """Axes to draw into, which are saved afterwards; the ending of ``path`` is the format, sizes are inches."""
    with canvas(height, width, **{'svg.fonttype': 'path'}) as figure:  # a file brings its letters along
        yield figure.subplots()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)


@contextmanager
def draw(name: str, height: float, width: float = WIDTH, **grid: Any) -> Iterator[tuple[Axes, list[Markup]]]:
    """Axes to draw into, and the list that holds the SVG afterwards.

    Args:
        name: Of the figure, unique on the page.
        height: Inches.
        width: Inches.
        **grid: Handed to ``Figure.subplots``.
    """
    with canvas(height, width) as figure:
        made: list[Markup] = []
        yield figure.subplots(**grid), made
        stream = io.StringIO()
        figure.savefig(stream, format='svg', transparent=True, metadata={'Date': None, 'Creator': None})
        made.append(_inline(stream.getvalue(), name))


def _inline(svg: str, name: str) -> Markup:
    """The SVG as a part of an HTML page: its own ids, the page's colours and fonts, and no more digits than show."""
    svg = svg[svg.index('<svg') :]
    svg = re.sub(r'(?<=\n)[ \t]+', '', svg)
    svg = re.sub(r'<metadata>.*?</metadata>\s*', '', svg, flags=re.DOTALL)
    svg = re.sub(r'<defs>\s*<style.*?</defs>', '', svg, flags=re.DOTALL)  # would hold for the whole page
    head, rest = svg.split('>', 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    svg = f'<svg viewBox="{box.group(1) if box else ""}" aria-hidden="true" focusable="false">{rest}'
    return Markup(re.sub(r'<[^>]+>', lambda tag: _inline_tag(tag[0], name), svg).strip())  # texts stay as they are


def _inline_tag(tag: str, name: str) -> str:
    tag = re.sub(r'^<g id="[^"]*"', '<g', tag)
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(href="#|url\(#)', rf'\g<1>{name}-', tag)
    tag = re.sub(r'font-family: [^;"]*; ?', '', tag)
    tag = re.sub(r'font: ([^;\"]*?)([\d.]+px) [^;\"]*', r'font-size: \2', tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', '', tag)
    tag = re.sub(r'(?<=[\s"(\-MLCQ])(\d+\.\d{3,})', lambda number: f'{float(number[0]):.2f}', tag)
    for colour, variable in VARIABLES.items():
        tag = tag.replace(colour, f'var(--{variable})')
    return tag
