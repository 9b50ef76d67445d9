"""The page: every part that the runs have something for, in one HTML file."""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ltseg import __version__
from ltseg.core.files import atomic_write
from ltseg.reports.comparison import Comparison
from ltseg.reports.figures.figure import Figure
from ltseg.reports.figures.ink import Drawing
from ltseg.reports.figures.renderer import render_svg
from ltseg.reports.page.confusions import confusion_matrix_figure
from ltseg.reports.page.curves import posthoc_curve, training_curves
from ltseg.reports.page.differences import difference_bars
from ltseg.reports.page.examples import Examples
from ltseg.reports.page.frequency import against_frequency
from ltseg.reports.page.panels import collapse_panels, logged_panels, measured_panels
from ltseg.reports.page.phrases import listed
from ltseg.reports.page.provenance import config_table, data_facts, runs_table, versions_table
from ltseg.reports.page.slopes import slope_plot
from ltseg.reports.page.tables import class_table, confusion_table, means_table
from ltseg.reports.page.words import method_summaries

__all__ = ['render_page', 'write_page']

TEMPLATES = Path(__file__).parent / 'templates'
MATRICES = 6  # methods whose confusion matrix is drawn


def render_page(
    study: Comparison, title: str | None = None, examples: Examples | None = None, sweep: Sequence[Figure] = ()
) -> str:
    """The page as text.

    Args:
        study: The methods, in the order of the page.
        title: By default the data set, the split and the models.
        examples: From ``find_examples``.
        sweep: Metrics over the options in which the methods differ.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / 'script.js').read_text(encoding='utf-8')
    config, config_sentence = config_table(study)
    return environment.get_template('page.html.j2').render(
        title=title or _title(study),
        subtitle=_subtitle(study),
        style=Markup((TEMPLATES / 'style.css').read_text(encoding='utf-8')),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
        study=study,
        summaries=method_summaries(study),
        single_seeds=_single_seeds(study),
        alone=all(len(method.runs) < 2 for method in study.methods),
        means=means_table(study),
        sweep=_rendered(sweep, height=3.6),
        class_tables={rate: class_table(study, rate) for rate in study.rates},
        differences=_difference_figures(study),
        matrices=_rendered([confusion_matrix_figure(study, method) for method in study.methods[:MATRICES]], height=3.8),
        confusions=confusion_table(study),
        frequency=[against_frequency(study, rate) for rate in study.reference.task.grouped],
        posthoc=_rendered([posthoc_curve(study)], height=3.6),
        training=_rendered(training_curves(study)),
        panels=[*measured_panels(study), *collapse_panels(study), *logged_panels(study)],
        examples=examples,
        config=config,
        config_sentence=config_sentence,
        facts=data_facts(study),
        runs=runs_table(study),
        versions=versions_table(study),
    )


def _title(study: Comparison) -> str:
    _, dataset, split = study.methods[0].setting
    models = ', '.join(dict.fromkeys(method.setting[0] for method in study.methods))
    return f'{dataset} {split}, {models}'


def _subtitle(study: Comparison) -> str:
    runs = sum(len(method.runs) for method in study.methods)
    counted = [f'{number} {word}{"s" if number != 1 else ""}' for number, word in
               ((len(study.methods), 'method'), (runs, 'record'))]  # fmt: skip
    return f'{", ".join(counted)}, {len(study.reference.class_names)} classes'


def _single_seeds(study: Comparison) -> str:
    """Which methods have one seed, as the beginning of a sentence; empty where none has."""
    single = [method.label for method in study.methods if len(method.runs) < 2]
    if single and len(single) == len(study.methods):
        return 'The methods have'
    return f'{listed(single)} {"has" if len(single) == 1 else "have"}' if single else ''


def _difference_figures(study: Comparison) -> list[Drawing]:
    bars = (difference_bars(study, rate) for rate in study.rates)
    slopes = (slope_plot(study, method, study.rates[0]) for method in study.compared)
    return [drawing for drawing in (*bars, *slopes) if drawing is not None]


def _rendered(figures: Sequence[Figure | None], height: float = 2.8) -> list[Drawing]:
    return [render_svg(figure, figure.name, height=height) for figure in figures if figure is not None]


def write_page(page: str, path: str | os.PathLike) -> Path:
    """Writes the page."""
    with atomic_write(path) as draft:
        draft.write_text(page, encoding='utf-8')
    return Path(path)
