"""Figures as data: JSON and back, tables, and what is refused."""

import json
import math

import pytest

from ltseg.reports.figures.figure import Figure, Reference, Series, finite

FIGURES = (
    Figure(title='NC1', x_label='iteration', y_scale='log',
           series=[Series(name='a', x=[1, 2], y=[3.0, math.nan], error=[0.5, math.nan])],
           references=[Reference(name='ideal', y=1.0), Reference(x=0.0)], caption='c', alt='b'),
    Figure(form='bars', series=[Series(name='a', x=['road', 'bus'], y=[1.0, 2.0]), Series(x=['road'], y=[0.5])]),
    Figure(form='points', ordered=True, series=[Series(x=[1.0], y=[2.0], labels=['<b>'], color=3, mark='star')]),
    Figure(form='matrix', values=[[math.nan, 1.0], [2.0, math.nan]], rows=['a', 'b'], columns=['a', 'b'], unit='u',
           center=0.0),
)  # fmt: skip


@pytest.mark.parametrize('figure', FIGURES, ids=lambda figure: figure.form)
def test_json_gives_the_same_figure(figure: Figure) -> None:
    text = json.dumps(figure.content(), allow_nan=False)
    assert json.loads(text)['kind'] == 'ltseg figure'
    again = Figure.of(json.loads(text))
    assert again.content() == figure.content() and again.table() == figure.table()


def test_the_documented_form_is_read() -> None:
    content = {
        'kind': 'ltseg figure', 'title': 'NC1', 'form': 'line', 'caption': 'c', 'alt': 'b', 'x_label': 'iteration',
        'y_label': 'tr', 'x_scale': 'linear', 'y_scale': 'log', 'references': [{'name': 'optimum', 'y': 0}],
        'series': [{'name': 'features', 'x': [400, 800], 'y': [3.1, None], 'labels': ['p', 'q']}], 'later': 1,
    }  # fmt: skip
    figure = Figure.of(content)
    assert (figure.title, figure.alt, figure.caption, figure.y_label) == ('NC1', 'b', 'c', 'tr')
    assert figure.references[0].y == 0 and figure.series[0].labels == ['p', 'q'] and math.isnan(figure.series[0].y[1])
    assert Figure.of({'series': []}).form == 'line'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'form': 'pie', 'series': []}, "form: .*'pie'"),
        ({'series': [{'x': [1], 'y': []}]}, r'as many y as x \(1\)'),
        ({'series': [{'x': [1], 'y': [1], 'error': [1, 2]}]}, r'as many errors as y \(1\)'),
        ({'series': [], 'y_scale': 'lgo'}, "y_scale: .*Did you mean 'log'"),
        ({'series': [{'x': [1], 'y': [1], 'mark': 'moon'}]}, "mark: .*'moon'"),
        ({'form': 'matrix', 'values': [[1, 2], [3]]}, 'rows of the same length'),
    ],
)
def test_what_cannot_be_drawn_is_refused(content: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Figure.of(content)


def test_tables_have_a_column_for_each_series_or_a_row_for_each_point() -> None:
    line, bars, points, matrix = (figure.table() for figure in FIGURES)
    assert line == [['iteration', 'a'], [1, 3.0], [2, None]]
    assert bars == [['series', 'mark', 'label', 'x', 'y'], ['a', '', '', 'road', 1.0], ['a', '', '', 'bus', 2.0],
                    ['', '', '', 'road', 0.5]]  # fmt: skip
    assert points[1:] == [['', 'star', '<b>', 1.0, 2.0]]
    assert matrix == [['class', 'a', 'b'], ['a', None, 1.0], ['b', 2.0, None]]


def test_the_ends_stand_for_a_figure_without_alt() -> None:
    assert FIGURES[0].described() == 'b'
    assert FIGURES[1].described() == '. a 1 to 2,  0.5 to 0.5'


def test_numbers_that_json_lacks_are_none() -> None:
    assert finite({'a': (1, math.inf, [math.nan, 'x'])}) == {'a': [1, None, [None, 'x']]}
