import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hinted import hinted

from ltseg.reports.collapse.monitored import OF_MONITOR
from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.page.page import render_page
from ltseg.reports.page.panels import collapse_panels, logged_panels, measured_panels
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


def test_shows_what_the_monitor_of_gradients_logged(study: Comparison) -> None:
    names = ('road', 'bus')
    lines = [
        {'step': step, 'collapse/nc1': 5 / step, **{f'gradient/attraction/{name}': step for name in names},
         'gradient/repulsion/road/by/bus': 1.0, 'loss': 1}
        for step in (50, 100)
    ]  # fmt: skip
    path = study.methods[0].runs[0].work_dir / '2026/vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)))
    (drawing,) = logged_panels(study)
    assert drawing.title == 'gradient: attraction (cross entropy, seed 0)'
    assert 'road' in drawing.svg and 'bus' in drawing.svg


def monitored(folder: Path, nc1: Sequence[float], **header: object) -> None:
    """The file of a monitor of neural collapse, with a last line that was cut off."""
    lines = [{'kind': 'ltseg collapse_monitor', 'class_names': list('abcd')} | header]
    lines += [{'iteration': 50 * i, 'figures': {'nc1': x, 'nc3_self_duality': None}} for i, x in enumerate(nc1, 1)]
    path = folder / 'collapse/collapse_monitor.jsonl'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(map(json.dumps, lines)) + '\n{"iteration": 9')


def test_collapse_over_training_has_a_line_for_each_run(make_study: Callable[..., Comparison], tmp_path: Path) -> None:
    runs = []
    for place, run in enumerate(run for method in make_study(seeds=2).methods for run in method.runs):
        folder = tmp_path / f'{place}'
        runs.append(Run(run.record, run.record.save(folder / 'records/test.json')))
        if place != 1:  # one was trained without the monitor
            monitored(folder, [9.0, 8.0 + place])
    drawings = collapse_panels(compare(runs))
    nc1, self_duality = drawings
    assert nc1.title == 'NC1: variation within classes over training' and 'in training mode' in nc1.caption
    assert nc1.alt.count('cross entropy 9 to 8') == 1 and 'ARB 9 to 10, ARB 9 to 11' in nc1.alt
    assert 'NC3' in self_duality.title  # of which no number exists, as in the file
    assert 'NC1: variation within classes over training' in render_page(compare(runs))


def test_figures_that_all_runs_share_are_not_drawn_again(study: Comparison) -> None:
    write(study, 'collapse/train_figures.json', [LINE, LINE | {'name': f'{OF_MONITOR}curve_nc1'}])
    assert len(measured_panels(study)) == 1


def test_the_file_of_another_model_is_named(study: Comparison) -> None:
    folder = study.methods[0].runs[0].work_dir
    monitored(folder, [1.0, 2.0], class_names=['a'])
    hinted('Remove it.', lambda: collapse_panels(study))
    (folder / 'collapse/collapse_monitor.jsonl').unlink()
    assert collapse_panels(study) == []


@pytest.mark.parametrize('line', [3, [1], {}, {'iteration': 'x', 'figures': {'nc1': 1}}, {'iteration': 7, 'figures': 3},
                                  {'iteration': 1e300, 'figures': {}}])  # fmt: skip
def test_lines_that_are_no_looks_are_passed_over(line: object, study: Comparison) -> None:
    folder = study.methods[0].runs[0].work_dir
    monitored(folder, [9.0, 8.0])
    path = folder / 'collapse/collapse_monitor.jsonl'
    before = [each.svg for each in collapse_panels(study)]
    path.write_text(f'{path.read_text()}\n{json.dumps(line)}\n')
    assert [each.svg for each in collapse_panels(study)] == before


def test_numbers_that_cannot_be_drawn_leave_a_gap(study: Comparison) -> None:
    monitored(study.methods[0].runs[0].work_dir, [9.0, 10**400, 'text', [1], 7.0])
    assert collapse_panels(study)[0].alt.endswith('9 to 7')
