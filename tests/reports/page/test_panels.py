import json
from pathlib import Path

import pytest

from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.page.panels import logged_panels, measured_panels
from ltseg.reports.runs import Run

LINE = {'kind': 'ltseg figure', 'title': 'NC1', 'series': [{'name': 'x', 'x': [1, 2], 'y': [9.0, None]}]}


@pytest.fixture
def study(make_study, tmp_path: Path) -> Comparison:
    """One run in a work dir."""
    record = make_study(seeds=1).methods[0].runs[0].record
    return compare([Run(record, record.save(tmp_path / 'run/records/test.json'))])


def write(study: Comparison, name: str, content: object) -> None:
    folder = study.methods[0].runs[0].work_dir / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text(json.dumps(content))


def test_takes_the_figures_of_the_work_dir_and_nothing_else(study: Comparison) -> None:
    write(study, 'collapse/a.json', [LINE, LINE])
    write(study, 'collapse/numbers.json', {'nc1': [1, 2]})
    drawings = measured_panels(study)
    assert [drawing.title for drawing in drawings] == ['NC1 (cross entropy, seed 0)'] * 2
    assert drawings[0].svg != drawings[1].svg  # ids differ


@pytest.mark.parametrize(
    ('change', 'message'),
    [({'form': 'pie'}, 'pie'), ({'series': [{'x': [1], 'y': []}]}, 'as many y'), ({'series': None}, 'form in ltseg')],
)
def test_a_broken_figure_is_named(study: Comparison, change: dict, message: str) -> None:
    write(study, 'collapse/broken.json', LINE | change)
    with pytest.raises(ValueError, match=message) as raised:
        measured_panels(study)
    assert 'broken.json' in str(raised.value)


def test_shows_what_monitors_logged(study: Comparison) -> None:
    names = ('road', 'bus')
    lines = [
        {'step': step, 'collapse/nc1': 5 / step, **{f'gradient/attraction/{name}': step for name in names},
         'gradient/repulsion/road/by/bus': 1.0, 'loss': 1}
        for step in (50, 100)
    ]  # fmt: skip
    path = study.methods[0].runs[0].work_dir / '2026/vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)))
    drawings = logged_panels(study)
    assert [each.title for each in drawings] == ['collapse: nc1', 'gradient: attraction (cross entropy, seed 0)']
    assert 'cross entropy, seed 0' in drawings[0].svg and 'road' in drawings[1].svg and 'bus' in drawings[1].svg
