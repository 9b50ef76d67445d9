"""Figures that other tools measured: JSON files in WORK_DIR/collapse, and what monitors logged during training.

The form of a file is that of :mod:`ltseg.reports.figures.figure`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltseg.core.errors import InvalidValueError
from ltseg.core.json_files import read_json
from ltseg.reports.comparison import Comparison
from ltseg.reports.figures.figure import KIND, Figure, Series
from ltseg.reports.figures.ink import Drawing
from ltseg.reports.figures.renderer import render_svg
from ltseg.reports.runs import Run

__all__ = ['logged_panels', 'measured_panels']

LOGGED = ('collapse/', 'gradient/')  # how the keys of the monitors begin
MOST = 12  # figures of a run, and lines of a figure


def measured_panels(study: Comparison) -> list[Drawing]:
    """The figures of every work dir.

    Raises:
        ValueError: If a file is not of that form; names it.
    """
    folders: dict[Path, str] = {}
    for method in study.methods:
        for run in method.runs:
            if run.work_dir is not None:
                folders.setdefault(run.work_dir / 'collapse', f'{method.label}, seed {run.record.seed}')
    drawings: list[Drawing] = []
    form = f'the form in {Figure.__module__}'
    for folder, owner in folders.items():
        for path in sorted(folder.glob('*.json')):
            try:
                content = read_json(path, f'figure {str(path)!r}')
                listed = content if isinstance(content, list) else [content]
                # Other files hold plain numbers.
                known = [each for each in listed if isinstance(each, Mapping) and each.get('kind') == KIND]
                figures = map(Figure.of, known)
                drawings += [render_svg(each, f'panel-{len(drawings) + i}', owner) for i, each in enumerate(figures)]
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
                raise InvalidValueError(f'figure {str(path)!r}', form, str(error)) from error
    return drawings


def logged_panels(study: Comparison) -> list[Drawing]:
    """What the monitors logged: figures of the whole model for all methods together, and those of classes for each."""
    of_model: dict[str, list[Series]] = {}
    of_classes: list[tuple[Figure, str]] = []
    for method in (each for each in study.methods if not each.is_posthoc):
        owner, grouped = f'{method.label}, seed {method.runs[0].record.seed}', _logged(method.runs[0])
        for title, lines in grouped.items():
            if '' in lines:
                of_model.setdefault(title, []).append(_series(owner, lines[''], method.index))
            else:
                series = [_series(name, lines[name]) for name in _chosen(study, lines)]
                of_classes.append((Figure(title=title, x_label='iteration', series=series, ordered=True), owner))
    figures = [(Figure(title=title, x_label='iteration', series=series), '') for title, series in of_model.items()]
    figures = [*figures[:MOST], *of_classes[:MOST]]
    return [render_svg(each, f'logged-{i}', owner) for i, (each, owner) in enumerate(figures)]


def _logged(run: Run) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Points by the title of the figure and the name of the class, which is empty for what is of the whole model."""
    grouped: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for point in run.scalars:
        for key, value in point.items():
            if key.startswith(LOGGED) and '/by/' not in key and isinstance(value, int | float):
                monitor, what, *name = key.split('/', 2)
                lines = grouped.setdefault(f'{monitor}: {what.replace("_", " ")}', {})
                lines.setdefault(''.join(name), []).append((point['step'], value))
    return grouped


def _chosen(study: Comparison, lines: Mapping[str, Any]) -> list[str]:
    """The classes of a figure, from frequent to rare; where they are many, a few frequent and the rarest."""
    places = {study.reference.class_names[index]: place for place, index in enumerate(study.order)}
    names = sorted(lines, key=lambda name: places.get(name, len(places)))
    return names if len(names) <= MOST else [*names[: MOST // 3], *names[MOST // 3 - MOST :]]


def _series(name: str, line: list[tuple[float, float]], color: int | None = None) -> Series:
    return Series(name=name, x=[x for x, _ in line], y=[y for _, y in line], color=color)
