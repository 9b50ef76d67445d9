"""Figures of neural collapse: what they hold, and that files and the page have the same."""

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
import torch
from hinted import hinted

from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import collapse_summary
from ltseg.core.geometry import simplex_vectors
from ltseg.reports.collapse.charts import CurvePoint, Line, class_charts, compared_curves, curves
from ltseg.reports.collapse.contents import MEANINGS, Classes, values_table
from ltseg.reports.collapse.monitored import FINE_POINTS, OF_MONITOR, collapse_points, gradient_charts, monitored_curves
from ltseg.reports.collapse.projection import feature_map, projected_map
from ltseg.reports.collapse.report import CheckpointSummary, CollapseReport
from ltseg.reports.figures.figure import FORMS, Figure
from ltseg.reports.figures.renderer import render_svg

K, D = 4, 5
CLASSES = Classes(
    names=['car', 'road', 'bus', 'sky'],
    counts=[20.0, 900.0, 3.0, 100.0],
    order=[1, 3, 0, 2],
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
    assert angles.center == pytest.approx(math.degrees(math.acos(-1 / 3)))
    assert charts['relative_products'].center == pytest.approx(1 / 3)
    norms = summary.classes['mean_norm']
    assert charts['norms'].series[0].name == 'class means' and list(charts['norms'].series[0].x) == CLASSES.labels
    assert charts['norms'].series[0].y[3] == pytest.approx((norms[2] / norms.mean()).item())
    assert set(MEANINGS) == set(summary.figures), 'every figure is explained'


def test_every_figure_becomes_a_table_a_picture_and_a_part_of_the_page(tmp_path: Path):
    statistics, sample, summary = measured(absent=(2,))
    points = [CheckpointSummary(f'{number}.pth', number, summary) for number in (4, 8)]
    over_training = curves([CurvePoint(each.iteration, summary.figures) for each in points], summary.optimal_angle)
    picture = feature_map(sample, statistics.means, summary.present, CLASSES)
    figures = [*class_charts(summary, CLASSES), *over_training, picture]
    assert {figure.form for figure in figures} == set(FORMS)
    report = CollapseReport('train', 'c.py', CLASSES, points, statistics.counts.tolist(), 'A note.')
    one_of_each = {figure.form: figure for figure in figures}.values()  # drawing takes long
    report.write(tmp_path, one_of_each, ['svg'])
    assert all((tmp_path / f'train_{figure.name}.svg').stat().st_size > 1000 for figure in one_of_each)
    report.write(tmp_path, figures, [])
    assert all((tmp_path / f'train_{figure.name}.csv').stat().st_size > 20 for figure in figures)
    written = [Figure.of(content) for content in json.loads((tmp_path / 'train_figures.json').read_text())]
    assert [figure.title for figure in written] == [figure.title for figure in figures]
    for form, figure in {figure.form: figure for figure in figures}.items():  # the page draws what the file shows
        (same,) = (each for each in written if each.title == figure.title)
        assert render_svg(same, form).svg == render_svg(figure, form).svg
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
    clouds, means = found.series[::2], found.series[1::2]
    assert [each.name for each in clouds] == [*CLASSES.labels] == [each.labels[0] for each in means]
    assert all(len(each.x) == 6 for each in clouds) and {each.mark for each in means} == {'star'}
    if by == 'pca':  # a linear map: the mean of the points is the point of the mean
        for cloud, mean in zip(clouds, means, strict=True):
            assert fmean(cloud.x) == pytest.approx(mean.x[0], abs=1e-3)
            assert fmean(cloud.y) == pytest.approx(mean.y[0], abs=1e-3)


def test_projected_features_of_two_dimensions_lie_on_the_circle():
    statistics, sample, summary = measured()
    circle = replace(sample, rows=torch.nn.functional.normalize(sample.rows[:, :2], dim=1))
    found = projected_map('loss_bcl', circle, summary.present, CLASSES)
    clouds, means = found.series[::2], found.series[1::2]
    assert found.name == 'map_loss_bcl' and 'norm 1' in found.caption
    for cloud, mean in zip(clouds, means, strict=True):
        assert [math.hypot(x, y) for x, y in zip(cloud.x, cloud.y, strict=True)] == pytest.approx([1] * 6, abs=1e-3)
        assert (fmean(cloud.x), fmean(cloud.y)) == pytest.approx((mean.x[0], mean.y[0]), abs=1e-3)


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
    lengths = {each.name: each.y for each in repulsion.series}
    assert repulsion.title == 'Repulsion of bus by' and list(lengths) == ['road', 'sky', 'car']
    iterations = repulsion.series[0].x
    assert iterations[:2] == [150, 400] and len(iterations) == 24
    assert lengths['sky'][0] == 1 + 2 + 3 + 2  # the mean of five looks
    attracted = {each.name: each.y for each in attraction.series}
    assert attracted['sky'][0] == 3 and math.isnan(attracted['car'][0])
    write_log(path, 3, attraction=[0.0] * 4)
    assert [chart.name for chart in gradient_charts(path, CLASSES)] == ['gradient_attraction']  # no batch has a bus
    path.write_text('{"class_names": ["a"]}\n')
    with pytest.raises(ValueError, match='the log of a monitor of 4 classes'):
        gradient_charts(path, CLASSES)
    hinted('Remove it.', lambda: gradient_charts(path, CLASSES))
    path.unlink()
    assert gradient_charts(path, CLASSES) == []


def write_looks(path: Path, number: int) -> None:
    """A line for each look, whose nc1 is its iteration and whose spread of cosines falls to 0."""
    lines = [{'kind': 'ltseg collapse_monitor', 'class_names': list(CLASSES.names)}]
    for at in range(1, number + 1):
        figures = {'nc1': at, 'nc2_means_cosine_deviation': 1 - at / number, 'nc2_classifier_cosine_deviation': None}
        lines.append({'iteration': at, 'figures': figures})
    path.write_text('\n'.join(map(json.dumps, lines)))


def test_what_the_monitor_saw_is_drawn_over_training(tmp_path: Path):
    path = tmp_path / 'collapse_monitor.jsonl'
    assert monitored_curves(path, K) == []
    write_looks(path, 1)
    assert monitored_curves(path, K) == []  # one look is no curve
    write_looks(path, 10)
    nc1, cosines = monitored_curves(path, K)
    assert [nc1.name, cosines.name] == [f'{OF_MONITOR}curve_nc1', f'{OF_MONITOR}curve_cosines']
    assert nc1.series[0].y == list(range(1, 11)) and nc1.y_scale == 'log' and not nc1.references
    means, vectors = cosines.series
    assert means.y[-1] == 0 and cosines.references[0].y == 0 and all(map(math.isnan, vectors.y))
    write_looks(path, 1000)
    points = collapse_points(path, K)  # means of neighbours
    assert len(points) == FINE_POINTS and points[0].figures['nc1'] == fmean(range(1, 11)) == 5.5
    with pytest.raises(ValueError, match='the log of a monitor of 3 classes'):
        monitored_curves(path, 3)


def test_runs_are_compared_figure_by_figure():
    one, other = [CurvePoint(1, {'nc1': 9.0}), CurvePoint(2, {'nc1': 8.0})], [CurvePoint(5, {'nc4_disagreement': 0.5})]
    lines = [Line('CE', 0, one), Line('AllNC', 1, [*other, *one])]
    nc1, nc4 = compared_curves(lines, 90.0)
    assert [(each.name, each.color, each.x) for each in nc1.series] == [('CE', 0, [1, 2]), ('AllNC', 1, [5, 1, 2])]
    assert [each.name for each in nc4.series] == ['AllNC'] and nc4.title.startswith(MEANINGS['nc4_disagreement'])
    assert compared_curves([], 90.0) == []
