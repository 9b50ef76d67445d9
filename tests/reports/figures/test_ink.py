import re

import pytest

from ltseg.reports.figures.ink import VARIABLES, draw, legend


def svg_of(name: str) -> str:
    with draw(name, 2) as (axes, made):
        axes.plot([1, 2], [3, 4], marker='o', color=next(iter(VARIABLES)), label='<b> & $x_1$ €')
        axes.imshow([[1, 2], [3, 4]], extent=(1, 2, 3, 4))
        legend(axes)
    return str(made[0])


def test_colours_and_fonts_are_those_of_the_page() -> None:
    svg = svg_of('a')
    assert not any(colour in svg for colour in VARIABLES) and 'var(--ink)' in svg and 'var(--grid)' in svg
    assert 'font-family' not in svg and '<style' not in svg and 'http' not in svg


def test_names_stay_as_they_are_and_are_escaped() -> None:
    assert '&lt;b&gt; &amp; $x_1$ €' in svg_of('a')


@pytest.mark.parametrize('name', ['beta 0.99990', 'id="x" font: 3px a', '#1b2024'])
def test_numbers_ids_and_colors_in_names_are_text(name: str) -> None:
    with draw('3', 2) as (axes, made):
        axes.plot([1, 2], [3, 4], label=name)
        legend(axes)
    assert f'>{name}<' in made[0]


def test_ids_of_two_figures_differ_and_every_reference_has_its_target() -> None:
    first, second = (svg_of(name) for name in ('a', 'b'))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0] and not ids[0] & ids[1]
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', first)) <= ids[0]


def test_the_same_figure_is_the_same_text() -> None:
    assert svg_of('a') == svg_of('a')
