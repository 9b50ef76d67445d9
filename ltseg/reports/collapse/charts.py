"""The figures of a report on neural collapse."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ltseg.core.collapse_summary import CollapseSummary
from ltseg.reports.collapse.contents import Classes
from ltseg.reports.collapse.report import CheckpointSummary
from ltseg.reports.figures.figure import Figure, Reference, Series

__all__ = ['class_charts', 'curves']


class _Chart(NamedTuple):
    """A figure: name, title, series by key, unit, ideal (None: the angles of a simplex), and caption."""

    name: str
    title: str
    series: Mapping[str, str]
    unit: str = ''
    ideal: float | None = 0.0
    caption: str = ''


MATRICES = (
    _Chart('mean_angles', 'Angles of class means', {}, 'degrees', None, 'Seen from the mean of the class means.'),
    _Chart('classifier_angles', 'Angles of class vectors', {}, 'degrees', None, 'Seen from their mean.'),
)
BARS = (
    _Chart(
        'norms',
        'Norms by class frequency',
        {'mean_norm': 'class means', 'classifier_norm': 'class vectors'},
        'norm / mean norm',
        1.0,
        'From frequent to rare classes; class means are seen from their mean.',
    ),
    _Chart(
        'self_duality',
        'Cosine of class vector and class mean',
        {'self_duality': 'cosine'},
        'cosine',
        1.0,
        'From frequent to rare classes; class means are seen from their mean.',
    ),
    _Chart(
        'variance',
        'Variation within classes',
        {'variance': 'variance'},
        'mean squared distance',
        0.0,
        'Distance of samples from their class mean, from frequent to rare classes.',
    ),
    _Chart(
        'disagreement',
        'Classifier against nearest class mean',
        {'disagreement': 'share'},
        'share of samples',
        0.0,
        'Samples that the two decide differently, from frequent to rare classes.',
    ),
)
CURVES = (
    _Chart('curve_nc1', 'NC1', {'nc1': 'each sample alike', 'nc1_class_averaged': 'each class alike'}, 'NC1'),
    _Chart(
        'curve_cosines',
        'Spread of cosines',
        {'nc2_means_cosine_deviation': 'class means', 'nc2_classifier_cosine_deviation': 'class vectors'},
        'standard deviation',
    ),
    _Chart(
        'curve_angles',
        'Least angles',
        {'nc2_means_least_angle': 'class means', 'nc2_classifier_least_angle': 'class vectors'},
        'degrees',
        None,
    ),
    _Chart(
        'curve_norms',
        'Variation of norms',
        {'nc2_means_norm_variation': 'class means', 'nc2_classifier_norm_variation': 'class vectors'},
        'standard deviation / mean',
    ),
    _Chart('curve_self_duality', 'Self-duality', {'nc3_self_duality': 'gap'}, 'NC3'),
    _Chart('curve_nc4', 'Classifier against nearest class mean', {'nc4_disagreement': 'share'}, 'NC4'),
    _Chart(
        'curve_balance',
        'Balance of the class vectors',
        {'balance_product': 'B_D', 'balance_angle': 'B_A', 'balance_length': 'B_L'},
        'standard deviation',
    ),
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
    return Figure(
        form='matrix',
        name=chart.name,
        title=chart.title,
        caption=chart.caption,
        unit=f'{chart.unit}; ideal {ideal:.4g}',
        center=ideal,
        rows=classes.labels,
        columns=classes.labels,
        # The diagonal, a class beside itself, has no meaning.
        values=[[math.nan if i == j else value for j, value in enumerate(row)] for i, row in enumerate(rows)],
    )


def _bars(chart: _Chart, summary: CollapseSummary, classes: Classes) -> Figure:
    known = {key: classes.ordered(summary.classes[key]) for key in chart.series if key in summary.classes}
    scaled = {key: _relative(values) if chart.name == 'norms' else values for key, values in known.items()}
    return Figure(
        form='bars',
        name=chart.name,
        title=chart.title,
        caption=chart.caption,
        y_label=chart.unit,
        references=_references(chart.ideal),
        series=[Series(name=chart.series[key], x=classes.labels, y=values) for key, values in scaled.items()],
    )


def _references(ideal: float | None) -> list[Reference]:
    return [] if ideal is None else [Reference(name=f'ideal {ideal:.4g}', y=ideal)]


def _spread(summary: CollapseSummary) -> Figure:
    keys = {'class means': 'nc2_means_cosine_deviation', 'class vectors': 'nc2_classifier_cosine_deviation'}
    known = {label: summary.figures[key] for label, key in keys.items() if key in summary.figures}
    return Figure(
        form='bars',
        name='spread',
        title='Spread of cosines',
        caption='Of all pairs, seen from their mean; 0 where all angles are equal.',
        y_label='standard deviation',
        series=[Series(x=list(known), y=list(known.values()))],
    )


def _relative(values: list[float]) -> list[float]:
    known = [value for value in values if not math.isnan(value)]
    mean = sum(known) / len(known) if known else 0.0
    return [value / mean if mean else math.nan for value in values]


def curves(checkpoints: Sequence[CheckpointSummary]) -> list[Figure]:
    """The figures over the checkpoints of one training run."""
    found = {key for each in checkpoints for key in each.summary.figures}
    return [_curve(chart, checkpoints, found) for chart in CURVES if chart.series.keys() & found]


def _curve(chart: _Chart, checkpoints: Sequence[CheckpointSummary], found: set[str]) -> Figure:
    iterations = [each.iteration for each in checkpoints]
    logarithmic = chart.name == 'curve_nc1'
    ideal = checkpoints[0].summary.optimal_angle if chart.ideal is None else chart.ideal
    return Figure(
        name=chart.name,
        title=f'{chart.title} over training',
        x_label='iteration',
        y_label=chart.unit,
        y_scale='log' if logarithmic else 'linear',
        references=_references(None if logarithmic else ideal),  # there is no 0 on a logarithmic axis
        series=[
            Series(name=label, x=iterations, y=[each.summary.figures.get(key, math.nan) for each in checkpoints])
            for key, label in chart.series.items()
            if key in found
        ],
    )
