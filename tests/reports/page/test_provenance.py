from dataclasses import replace
from pathlib import Path

import pytest

from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.page.provenance import config_table, data_facts, runs_table, versions_table
from ltseg.reports.page.tables import Table
from ltseg.reports.runs import Run


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


@pytest.fixture
def study(make_study, tmp_path: Path) -> Comparison:
    """Two methods whose configs differ in the loss, in a part of a list, and in what no runner reads."""
    runs = []
    for method, loss, scale in zip(make_study(seeds=1).methods, ('CE', 'ARB'), (1, 2), strict=True):
        folder = tmp_path / loss / 'records'
        copy = tmp_path / loss / '1/vis_data/config.py'
        copy.parent.mkdir(parents=True)
        copy.with_name('scalars.json').touch()
        copy.write_text(
            f"norm = '{loss}'\nmodel = dict(type='M', head=dict(loss='{loss}'))\n"
            f"train_dataloader = dict(pipeline=[dict(type='Load'), dict(type='Crop', size=({scale}, 2))])\n"
        )
        record = replace(method.runs[0].record, commit='0123456789abcdef-modified')
        runs.append(Run(record, folder / 'a.json'))
    return compare(runs)


def test_shows_the_settings_that_differ_and_no_others(study: Comparison) -> None:
    table, sentence = config_table(study)
    assert sentence == '2 settings differ.'
    assert texts(table) == [
        ['model.head.loss', "'CE'", "'ARB'"],
        ['train_dataloader.pipeline.1.size', '(1, 2)', '(2, 2)'],
    ]


def test_says_why_there_is_no_comparison_of_configs(make_study) -> None:
    assert config_table(make_study()) == (None, 'No config was found beside the records.')
    assert config_table(make_study(methods=1)) == (None, 'There is one method only.')


def test_runs_have_seed_commit_and_changes(study: Comparison) -> None:
    record = replace(study.methods[0].runs[0].record, settings={'optimizer.lr': 0.1})
    (row,) = texts(runs_table(compare([Run(record, Path('a/b.json'))])))
    assert row[1:4] == ['cross entropy', '0', '400'] and row[5:7] == ['optimizer.lr=0.1', '0123456789 (modified)']
    assert row[-1] == 'a/b.json'


def test_versions_are_apart_where_they_differ(study: Comparison) -> None:
    assert texts(versions_table(study)) == [['python', '3']]
    first, second = (method.runs[0] for method in study.methods)
    other = Run(replace(second.record, versions={'python': '4', 'torch': '2'}), second.path)
    assert texts(versions_table(compare([first, other]))) == [['python', '3', '4'], ['torch', '–', '2']]


def test_data_are_told(study: Comparison) -> None:
    facts = dict(data_facts(study))
    assert facts['Data set'] == 'CamVid, test: 4 classes, 2,230 pixels'
    assert facts['Absent from the truth'] == 'none' and 'tertiles' in facts['Groups']


def test_settings_in_the_record_come_before_configs_beside_it(study: Comparison) -> None:
    runs = [run for method in study.methods for run in method.runs]
    kept = [
        Run(replace(run.record, setup={'model': {'loss': {'type': kind}}, 'same': 1}), run.path)
        for run, kind in zip(runs, 'AB', strict=True)
    ]
    table, sentence = config_table(compare(kept))
    assert sentence == 'One setting differs.' and texts(table) == [['model.loss.type', "'A'", "'B'"]]
