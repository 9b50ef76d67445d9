"""The pictures of a report on neural collapse."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ltseg.core.collapse_summary import CollapseSummary
from ltseg.reports.collapse.contents import Classes
from ltseg.reports.collapse.figures import Bars, Figure, Lines, Matrix
from ltseg.reports.collapse.report import CheckpointSummary

__all__ = ['class_charts', 'curves']


class _Chart(NamedTuple):
    """A picture: name, title, series by key, unit, ideal (None: the angles of a simplex), and caption."""

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
        'mean squared distance from the class mean',
        0.0,
        'From frequent to rare classes.',
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
    """Pictures of each class and of all pairs; those for which there are no numbers are left out."""
    charts: list[Figure] = []
    products = 'Products of two class vectors over the sum of their row.'
    ratio = _Chart('relative_products', 'M of ARB-Loss', {}, 'M', 1 / (len(classes.names) - 1), products)
    for chart in (*MATRICES, ratio):
        if chart.name in summary.matrices:
            matrix = [classes.ordered(row) for row in summary.matrices[chart.name][list(classes.order)]]
            ideal = summary.optimal_angle if chart.ideal is None else chart.ideal
            charts.append(
                Matrix(
                    name=chart.name,
                    title=chart.title,
                    caption=chart.caption,
                    unit=chart.unit,
                    ideal=ideal,
                    labels=classes.labels,
                    values=matrix,
                )
            )
    charts += _spread(summary)
    for chart in BARS:
        known = {key: classes.ordered(summary.classes[key]) for key in chart.series if key in summary.classes}
        scaled = {key: _relative(values) if chart.name == 'norms' else values for key, values in known.items()}
        if known:
            series = {chart.series[key]: values for key, values in scaled.items()}
            charts.append(
                Bars(
                    name=chart.name,
                    title=chart.title,
                    caption=chart.caption,
                    unit=chart.unit,
                    ideal=chart.ideal,
                    labels=classes.labels,
                    series=series,
                )
            )
    return charts


def _spread(summary: CollapseSummary) -> list[Figure]:
    keys = {'class means': 'nc2_means_cosine_deviation', 'class vectors': 'nc2_classifier_cosine_deviation'}
    known = {label: summary.figures[key] for label, key in keys.items() if key in summary.figures}
    unit = 'standard deviation of the cosines'
    about = 'Of all pairs, seen from their mean; 0 where all angles are equal.'
    series = {unit: list(known.values())}
    return [Bars(name='spread', title='Spread of cosines', caption=about, unit=unit, labels=list(known), series=series)]


def _relative(values: list[float]) -> list[float]:
    known = [value for value in values if not math.isnan(value)]
    mean = sum(known) / len(known) if known else 0.0
    return [value / mean if mean else math.nan for value in values]


def curves(checkpoints: Sequence[CheckpointSummary]) -> list[Figure]:
    """The figures over the checkpoints of one training."""
    summaries = [each.summary for each in checkpoints]
    charts: list[Figure] = []
    for chart in CURVES:
        logarithmic = chart.name == 'curve_nc1'
        ideal = summaries[0].optimal_angle if chart.ideal is None else chart.ideal
        series = {
            label: [summary.figures.get(key, math.nan) for summary in summaries]
            for key, label in chart.series.items()
            if any(key in summary.figures for summary in summaries)
        }
        if series:
            charts.append(
                Lines(
                    name=chart.name,
                    title=f'{chart.title} over training',
                    unit=chart.unit,
                    ideal=None if logarithmic else ideal,  # there is no 0 on a logarithmic axis
                    iterations=[each.iteration for each in checkpoints],
                    series=series,
                    logarithmic=logarithmic,
                )
            )
    return charts
