"""Figures as tables, pictures and panels of the HTML report."""

import json
import math
from pathlib import Path

import pytest
import torch

from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import collapse_summary
from ltseg.core.geometry import simplex_vectors
from ltseg.reports.collapse.charts import class_charts, curves
from ltseg.reports.collapse.contents import MEANINGS, Classes, values_table
from ltseg.reports.collapse.drawing import save_picture
from ltseg.reports.collapse.figures import Bars, FeatureMap, Lines, Matrix
from ltseg.reports.collapse.monitored import gradient_charts
from ltseg.reports.collapse.projection import feature_map
from ltseg.reports.collapse.report import CheckpointSummary, CollapseReport
from ltseg.reports.page.panels import panel

K, D = 4, 5
CLASSES = Classes(
    names=['car', 'road', 'bus', 'sky'],
    counts=[20.0, 900.0, 3.0, 100.0],
    order=[1, 3, 0, 2],
    groups={'head': ['road'], 'medium': ['sky', 'car'], 'tail': ['bus']},
    unit='pixels',
)


def measured(absent=()):
    torch.manual_seed(0)
    labels = torch.tensor([k for k in range(K) if k not in absent] * 6)
    rows = simplex_vectors(K, D, torch.Generator().manual_seed(0))[labels] + 0.1 * torch.randn(len(labels), D)
    sample = ClassSample.of(rows, labels, labels, 100)
    statistics = ClassStatistics.of(rows, labels, K)
    return statistics, sample, collapse_summary(statistics, sample, torch.randn(K, D))


def test_classes_stand_from_frequent_to_rare():
    *_, summary = measured()
    charts = {chart.name: chart for chart in class_charts(summary, CLASSES)}
    assert set(charts) == {
        *('mean_angles', 'classifier_angles', 'relative_products', 'spread', 'norms', 'self_duality'),
        *('variance', 'disagreement'),
    }
    angles = charts['mean_angles']
    assert angles.table()[0] == ['class', 'road', 'sky', 'car', 'bus']
    assert angles.table()[1][2] == summary.matrices['mean_angles'][1, 3].item()
    assert angles.ideal == pytest.approx(math.degrees(math.acos(-1 / 3)))
    assert charts['relative_products'].ideal == pytest.approx(1 / 3)
    norms = summary.classes['mean_norm']
    assert charts['norms'].series['class means'][3] == pytest.approx((norms[2] / norms.mean()).item())
    assert set(MEANINGS) == set(summary.figures), 'every figure is explained'


def test_every_figure_becomes_a_picture_and_a_panel(tmp_path: Path):
    statistics, sample, summary = measured(absent=(2,))
    points = [CheckpointSummary(f'{number}.pth', number, summary) for number in (4, 8)]
    picture = feature_map(sample, statistics.means, summary.present, CLASSES)
    figures = [*class_charts(summary, CLASSES), *curves(points), picture]
    assert {type(figure) for figure in figures} == {Bars, Lines, Matrix, FeatureMap}
    report = CollapseReport('train', 'c.py', CLASSES, points, statistics.counts.tolist(), 'A note.')
    one_of_each = {type(figure): figure for figure in figures}.values()  # drawing takes long
    report.write(tmp_path, one_of_each, ['svg'])
    assert all((tmp_path / f'train_{figure.name}.svg').stat().st_size > 1000 for figure in one_of_each)
    report.write(tmp_path, figures, [])
    assert all((tmp_path / f'train_{figure.name}.csv').stat().st_size > 20 for figure in figures)
    save_picture(figures[0], tmp_path / 'train_mean_angles.png')
    panels = json.loads((tmp_path / 'train_figures.json').read_text())
    assert len(panels) == len(figures) + 1  # two series of bars are two panels
    for form, content in {content['form']: content for content in panels}.items():
        assert '<svg' in panel(content, form, 'run').svg
    content = json.loads((tmp_path / 'train.json').read_text())
    assert content['classes'][2]['mean_norm'] is None and content['matrices']['mean_angles'][2][0] is None
    assert [point['iteration'] for point in content['checkpoints']] == [4, 8]
    rows = (tmp_path / 'train.csv').read_text().splitlines()
    assert rows[0].startswith('checkpoint,iteration,nc1') and len(rows) == 3
    assert (tmp_path / 'train_classes.csv').read_text().splitlines()[3].startswith('bus,3.0,0.0')


@pytest.mark.parametrize('by', ['pca', 'tsne'])
def test_the_map_has_each_class_and_its_mean(by: str):
    statistics, sample, summary = measured()
    found = feature_map(sample, statistics.means, summary.present, CLASSES, by)
    assert list(found.means) == CLASSES.labels and all(len(points) == 6 for points in found.classes.values())
    if by == 'pca':  # a linear map: the mean of the points is the point of the mean
        for name, points in found.classes.items():
            assert torch.tensor(points).mean(0).tolist() == pytest.approx(found.means[name], abs=1e-3)


def test_two_classes_have_no_map():
    statistics, sample, summary = measured(absent=(0, 1))
    assert feature_map(sample, statistics.means, summary.present, CLASSES) is None


def test_the_table_says_what_is_missing():
    statistics, sample, _ = measured()
    summary = collapse_summary(statistics, sample)  # without class vectors
    text = values_table(summary, 'Title').markdown()
    assert '| NC3: class vectors from class means | nan | 0 |' in text
    assert len(class_charts(summary, CLASSES)) == 5


def write_log(path: Path, points: int, **more) -> None:
    lines = [{'class_names': list(CLASSES.names)}]
    for number in range(points):
        components = [[1.0 + i + k + number for k in range(K)] for i in range(K)]
        lines.append(
            {'iteration': 50 * (number + 1), 'attraction': [None, 1, 2, 3.0], 'components': components, **more}
        )
    path.write_text('\n'.join(map(json.dumps, lines)) + '\n{"iteration": 9')


def test_gradients_of_the_rarest_class_over_training(tmp_path: Path):
    path = tmp_path / 'gradient_monitor.jsonl'
    assert gradient_charts(path, CLASSES) == []
    write_log(path, 120)
    repulsion, attraction = gradient_charts(path, CLASSES)
    assert repulsion.title == 'Repulsion of bus by' and list(repulsion.series) == ['road', 'sky', 'car']
    assert repulsion.iterations[:2] == [150, 400] and len(repulsion.iterations) == 24
    assert repulsion.series['sky'][0] == 1 + 2 + 3 + 2  # the mean of five looks
    assert attraction.series['sky'][0] == 3 and math.isnan(attraction.series['car'][0])
    save_picture(repulsion, tmp_path / 'a.png')
    write_log(path, 3, attraction=[0.0] * 4)
    assert [chart.name for chart in gradient_charts(path, CLASSES)] == ['gradient_attraction']  # no batch has a bus
    path.write_text('{"class_names": ["a"]}\n')
    with pytest.raises(ValueError, match='a log of gradients of 4 classes'):
        gradient_charts(path, CLASSES)


def test_a_logarithmic_axis_has_no_zero(tmp_path: Path):
    options = dict(name='a', title='A', caption='', unit='', iterations=[1, 2, 3], series={'x': [0.0, 1.0, math.nan]})
    logarithmic, linear = Lines(**options, logarithmic=True), Lines(**options)
    assert str(logarithmic.shown()) == "{'x': [nan, 1.0, nan]}" and linear.shown()['x'][0] == 0
    assert str(logarithmic.panels()[0]['series'][0]['y']) in ('[nan, 1.0, nan]', '[None, 1.0, None]')
    save_picture(logarithmic, tmp_path / 'a.png')
