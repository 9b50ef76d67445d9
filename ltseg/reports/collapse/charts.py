"""The figures of a report on neural collapse."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ltseg.core.collapse_summary import CollapseSummary
from ltseg.reports.collapse.contents import MEANINGS, Classes
from ltseg.reports.figures.figure import Figure, Reference, Series

__all__ = ['CurvePoint', 'Line', 'class_charts', 'compared_curves', 'curves']


class _Chart(NamedTuple):
    """A figure: name, title, series by key, unit, ideal (None: the angles of a simplex), and caption."""

    name: str
    title: str
    series: Mapping[str, str]
    unit: str = ''
    ideal: float | None = 0.0
    caption: str = ''

    def figure(self, ideal: float | None, **shown: Any) -> Figure:
        """The figure with what it shows, and a line at the numbers that it would have at neural collapse."""
        lines = [] if ideal is None else [Reference(name=f'ideal {ideal:.4g}', y=ideal)]
        return Figure(name=self.name, caption=self.caption, references=lines, **({'title': self.title} | shown))


MEANS, VECTORS = 'class means', 'class vectors'
CENTRE = 'Class means are seen from their own mean, where the AllNC paper has the mean of all samples.'
SORTED = f'From frequent to rare classes. {CENTRE}'
DECISIONS = 'Samples that the two decide differently, from frequent to rare classes.'
DISTANCE = 'Distance of samples from their class mean, from frequent to rare classes.'
NC4 = 'Classifier against nearest class mean'
MATRICES = (
    _Chart('mean_angles', 'Angles of class means', {}, 'degrees', None, CENTRE),
    _Chart('classifier_angles', 'Angles of class vectors', {}, 'degrees', None, 'Seen from their mean.'),
)
NORMS = {'mean_norm': MEANS, 'classifier_norm': VECTORS}
BARS = (
    _Chart('norms', 'Norms by class frequency', NORMS, 'norm / mean norm', 1.0, SORTED),
    _Chart('self_duality', 'Cosine of class vector and class mean', {'self_duality': 'cosine'}, 'cosine', 1.0, SORTED),
    _Chart('variance', 'Variation within classes', {'variance': 'variance'}, 'mean squared distance', 0.0, DISTANCE),
    _Chart('disagreement', NC4, {'disagreement': 'share'}, 'share of samples', 0.0, DECISIONS),
)
COSINES = {'nc2_means_cosine_deviation': MEANS, 'nc2_classifier_cosine_deviation': VECTORS}
ANGLES = {'nc2_means_least_angle': MEANS, 'nc2_classifier_least_angle': VECTORS}
VARIATIONS = {'nc2_means_norm_variation': MEANS, 'nc2_classifier_norm_variation': VECTORS}
BALANCE = {'balance_product': 'B_D', 'balance_angle': 'B_A', 'balance_length': 'B_L'}
CURVES = (
    _Chart('curve_nc1', 'NC1', {'nc1': 'each sample alike', 'nc1_class_averaged': 'each class alike'}, 'NC1'),
    _Chart('curve_cosines', 'Spread of cosines', COSINES, 'standard deviation', caption=CENTRE),
    _Chart('curve_angles', 'Least angles', ANGLES, 'degrees', None),
    _Chart('curve_norms', 'Variation of norms', VARIATIONS, 'standard deviation / mean'),
    _Chart('curve_self_duality', 'Self-duality', {'nc3_self_duality': 'gap'}, 'NC3', caption=CENTRE),
    _Chart('curve_nc4', NC4, {'nc4_disagreement': 'share'}, 'NC4'),
    _Chart('curve_balance', 'Balance of the class vectors', BALANCE, 'standard deviation'),
)


def class_charts(summary: CollapseSummary, classes: Classes) -> list[Figure]:
    """Figures of each class and of all pairs; those for which there are no numbers are left out."""
    products = 'Products of two class vectors over the sum of their row.'
    ratio = _Chart('relative_products', 'M of ARB-Loss', {}, 'M', 1 / (len(classes.names) - 1), products)
    matrices = [_matrix(chart, summary, classes) for chart in (*MATRICES, ratio) if chart.name in summary.matrices]
    bars = [_bars(chart, summary, classes) for chart in BARS if chart.series.keys() & summary.classes.keys()]
    return [*matrices, _spread(summary), *bars]


def _matrix(chart: _Chart, summary: CollapseSummary, classes: Classes) -> Figure:
    rows = [classes.ordered(row) for row in summary.matrices[chart.name][list(classes.order)]]
    ideal = summary.optimal_angle if chart.ideal is None else chart.ideal
    # The diagonal, a class beside itself, has no meaning.
    values = [[math.nan if i == j else value for j, value in enumerate(row)] for i, row in enumerate(rows)]
    names = {'rows': classes.labels, 'columns': classes.labels, 'unit': f'{chart.unit}; ideal {ideal:.4g}'}
    return chart.figure(None, form='matrix', values=values, center=ideal, **names)


def _bars(chart: _Chart, summary: CollapseSummary, classes: Classes) -> Figure:
    known = {key: classes.ordered(summary.classes[key]) for key in chart.series if key in summary.classes}
    scaled = {key: _relative(values) if chart.name == 'norms' else values for key, values in known.items()}
    series = [Series(name=chart.series[key], x=classes.labels, y=values) for key, values in scaled.items()]
    return chart.figure(chart.ideal, form='bars', y_label=chart.unit, series=series)


def _spread(summary: CollapseSummary) -> Figure:
    known = {label: summary.figures[key] for key, label in COSINES.items() if key in summary.figures}
    about = f'Of all pairs; 0 where all angles are equal. {CENTRE}'
    series = [Series(x=list(known), y=list(known.values()))]
    chart = _Chart('spread', 'Spread of cosines', {}, caption=about)
    return chart.figure(None, form='bars', y_label='standard deviation', series=series)


def _relative(values: list[float]) -> list[float]:
    known = [value for value in values if not math.isnan(value)]
    mean = sum(known) / len(known) if known else 0.0
    return [value / mean if mean else math.nan for value in values]


class CurvePoint(NamedTuple):
    """The figures over all classes at one time of a training run."""

    iteration: int
    figures: Mapping[str, float]


class Line(NamedTuple):
    """A training run among others: its name, the position of its color, and its points."""

    name: str
    color: int
    points: Sequence[CurvePoint]


def curves(points: Sequence[CurvePoint], optimal_angle: float) -> list[Figure]:
    """The figures over one training run; ``optimal_angle`` is that of a simplex, in degrees."""
    found = []
    for chart in CURVES:
        series = [_series(label, points, key) for key, label in chart.series.items() if _has(points, key)]
        if series:
            found.append(_over_training(chart, chart.title, series, optimal_angle))
    return found


def compared_curves(lines: Sequence[Line], optimal_angle: float) -> list[Figure]:
    """A figure for each of the figures over all classes, with a line for each training run.

    Source:
        Zhang et al., All-around Neural Collapse for Imbalanced Classification, TKDE 2025, Figures 3 (spread of
        cosines) and 4 (self-duality). The paper measures after each epoch.
    """
    found = []
    for chart, key in [(each, key) for each in CURVES for key in each.series]:
        series = [_series(line.name, line.points, key, line.color) for line in lines if _has(line.points, key)]
        if series:
            found.append(_over_training(chart, MEANINGS[key], series, optimal_angle))
    return found


def _has(points: Sequence[CurvePoint], key: str) -> bool:
    return any(key in point.figures for point in points)


def _series(name: str, points: Sequence[CurvePoint], key: str, color: int | None = None) -> Series:
    values = [point.figures.get(key, math.nan) for point in points]
    return Series(name=name, x=[point.iteration for point in points], y=values, color=color)


def _over_training(chart: _Chart, title: str, series: Sequence[Series], optimal_angle: float) -> Figure:
    logarithmic = chart.name == 'curve_nc1'
    ideal = optimal_angle if chart.ideal is None else chart.ideal
    axes = {'x_label': 'iteration', 'y_label': chart.unit, 'y_scale': 'log' if logarithmic else 'linear'}
    # There is no 0 on a logarithmic axis.
    return chart.figure(None if logarithmic else ideal, title=f'{title} over training', series=series, **axes)
