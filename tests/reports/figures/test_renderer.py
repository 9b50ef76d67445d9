"""The one renderer: what stands in a picture, on the page and in a file."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas

from ltseg.reports.figures.figure import FORMS, Figure, Reference, Series
from ltseg.reports.figures.ink import GRADED, colour_of
from ltseg.reports.figures.renderer import NAMED, render, render_svg, save_figure

EACH = {
    'line': Figure(title='A', x_label='iteration', y_label='nc1', series=[Series(name='one', x=[1, 2], y=[3.0, 2.0])],
                   references=[Reference(name='ideal', y=1.0)]),
    'points': Figure(form='points', title='B', series=[Series(name='one', x=[1, 2], y=[3, 2], labels=['a', '<b>'])]),
    'bars': Figure(form='bars', title='C', y_label='unit', series=[Series(name='one', x=['a', 'b'], y=[1, math.nan])]),
    'matrix': Figure(form='matrix', title='D', values=[[math.nan, 1], [2, 3]], rows=['a', 'b'], columns=['a', 'b'],
                     unit='degrees', center=1.5),
}  # fmt: skip


@pytest.fixture
def axes() -> Iterator[Axes]:
    yield Canvas(figsize=(4.7, 2.8), layout='constrained').subplots()


@pytest.mark.parametrize('form', FORMS)
def test_every_form_is_drawn_on_the_page_and_into_files(form: str, tmp_path: Path) -> None:
    drawing = render_svg(EACH[form], 'name', 'CE, seed 0')
    assert drawing.title == f'{EACH[form].title} (CE, seed 0)' and drawing.svg.startswith('<svg') and drawing.alt
    for ending, start in (('png', b'\x89PNG'), ('svg', b'<?xml'), ('pdf', b'%PDF')):
        save_figure(EACH[form], tmp_path / f'new/a.{ending}')
        assert (tmp_path / f'new/a.{ending}').read_bytes().startswith(start)


@pytest.mark.parametrize(('form', 'texts'), [
    ('line', ['iteration', 'nc1', 'one', 'ideal']), ('points', ['one', 'a', '&lt;b&gt;']), ('bars', ['unit', 'a', 'b']),
    ('matrix', ['degrees', 'a', 'b', '2.00', '3.00']),
])  # fmt: skip
def test_labels_names_and_references_are_written(form: str, texts: list[str]) -> None:
    svg = render_svg(EACH[form], 'name').svg
    assert all(f'>{text}<' in svg for text in texts)


def test_bars_of_several_series_stand_beside_each_other(axes: Axes) -> None:
    render(axes, Figure(form='bars', series=[Series(name=n, x=['a', 'b'], y=[1, 2]) for n in ('one', 'two', 'three')]))
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    assert len(spans) == 6 and all(end <= start + 1e-9 for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_errors_are_bars_through_the_points_that_have_one(axes: Axes) -> None:
    render(axes, Figure(series=[Series(x=['a', 'b'], y=[1.0, 2.0], error=[0.5, math.nan])]))
    (bars,) = axes.collections
    first, second = bars.get_segments()
    assert first[:, 1].tolist() == [0.5, 1.5] and not len(second)


def test_a_logarithmic_axis_leaves_out_zero(axes: Axes) -> None:
    render(axes, Figure(y_scale='log', series=[Series(x=[1, 2, 3], y=[0.0, 1.0, 10.0])]))
    axes.figure.draw_without_rendering()
    drawn = axes.lines[0].get_path().transformed(axes.transData).vertices
    assert np.isfinite(drawn[1:]).all() and not np.isfinite(drawn[0, 1])
    assert axes.get_ylim()[0] > 0.1


def test_a_short_logarithmic_axis_has_numbers() -> None:
    svg = render_svg(Figure(y_scale='log', series=[Series(x=[1, 2], y=[2.2, 7.5])]), 'a').svg
    assert '>4<' in svg and '>6<' in svg


def test_many_classes_in_order_have_graded_colors_and_a_short_legend(axes: Axes) -> None:
    names = [f'class {place}' for place in range(40)]
    render(axes, Figure(ordered=True, series=[Series(name=name, x=[1, 2], y=[1, 2]) for name in names]))
    assert len({line.get_color() for line in axes.lines}) == 40
    legend = axes.get_legend_handles_labels()[1]
    assert len(legend) == NAMED and (legend[0], legend[-1]) == (names[0], names[-1])


def test_a_name_stands_once_in_the_legend_and_a_color_can_be_shared(axes: Axes) -> None:
    series = [Series(name='CE', x=[1, 2], y=[y, y], color=2) for y in (1, 2)]
    render(axes, Figure(series=series))
    assert axes.get_legend_handles_labels()[1] == ['CE']
    assert [line.get_color() for line in axes.lines] == [colour_of(2)] * 2


@pytest.mark.parametrize('points', [2, 60])
def test_lines_are_told_apart_where_colors_repeat(points: int, axes: Axes) -> None:
    x = list(range(points))
    render(axes, Figure(series=[Series(name=str(place), x=x, y=[float(place)] * points) for place in range(20)]))
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines if line.get_marker() != 'None'}) == 20


@pytest.mark.parametrize('ground', ['#fdfdfb', '#14181b'])
def test_graded_colors_show_on_light_and_on_dark_ground(ground: str) -> None:
    for place in np.linspace(0, 1, 30):
        lights = sorted((luminance(GRADED(place)[:3]), luminance(to_rgb(ground))))
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance (WCAG 2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize('number', [19, 100])
@pytest.mark.parametrize('form', ['bars', 'matrix'])
def test_names_of_classes_do_not_overlap(form: str, number: int, axes: Axes) -> None:
    names = [f'class {place}' for place in range(number)]
    values = [[1.0] * number] * number
    figure = Figure(form='matrix', values=values, rows=names, columns=names) if form == 'matrix' else Figure(
        form='bars', series=[Series(x=names, y=values[0])])  # fmt: skip
    render(axes, figure)
    axes.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.get_xticklabels()]
    assert len(boxes) > 8
    assert all(one.x1 <= other.x0 + 0.5 for one, other in zip(boxes, boxes[1:], strict=False))  # pixels


def test_shades_have_the_numbers_that_are_not_small(axes: Axes) -> None:
    render(axes, Figure(form='matrix', values=[[90.4, 9.6], [0.0, 8.9]], rows=['a', 'b'], columns=['a', 'b']))
    assert [text.get_text() for text in axes.texts] == ['90', '10']
    axes.clear()
    render(axes, Figure(form='matrix', values=[[math.nan]], rows=['a'], columns=['a'], center=1.0))
    assert not axes.texts


def test_few_cells_have_numbers_and_many_have_none(axes: Axes) -> None:
    for number, expected in ((4, 12), (40, 0)):
        values = np.where(np.eye(number, dtype=bool), np.nan, 3.0).tolist()
        axes.clear()
        render(axes, Figure(form='matrix', values=values, rows=['a'] * number, columns=['a'] * number))
        assert len(axes.texts) == expected
