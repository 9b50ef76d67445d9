"""The files of a report on neural collapse."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltseg.core.collapse_summary import CollapseSummary
from ltseg.core.files import atomic_write
from ltseg.reports.collapse.contents import Classes
from ltseg.reports.figures.figure import Figure, finite
from ltseg.reports.figures.renderer import save_figure

__all__ = ['CheckpointSummary', 'CollapseReport', 'write_figures']


@dataclass(frozen=True, eq=False)
class CheckpointSummary:
    """The figures of one checkpoint."""

    checkpoint: str
    iteration: int
    summary: CollapseSummary


@dataclass(frozen=True, eq=False)
class CollapseReport:
    """Figures of one or several checkpoints of a training run on one split.

    Args:
        split: 'train', 'val' or 'test'.
        config: Path of the config file.
        classes: Of the model.
        checkpoints: In the order of training; figures of classes are of the last.
        samples: Samples of each class of the split, (K,).
        note: How the figures were measured, whole sentences.
    """

    split: str
    config: str
    classes: Classes
    checkpoints: Sequence[CheckpointSummary]
    samples: Sequence[float]
    note: str

    @property
    def last(self) -> CollapseSummary:
        """Figures of the last checkpoint."""
        return self.checkpoints[-1].summary

    def content(self) -> dict[str, Any]:
        """All numbers as plain JSON values; classes and matrices are in the order of the labels."""
        names, last = self.classes.names, self.last
        columns = {'name': list(names), 'training_samples': list(self.classes.counts), 'samples': list(self.samples)}
        columns |= {key: values.tolist() for key, values in last.classes.items()}
        return finite(
            {
                'kind': 'ltseg collapse',
                'split': self.split,
                'config': self.config,
                'note': self.note,
                'optimal_angle': last.optimal_angle,
                'checkpoints': [
                    {'checkpoint': each.checkpoint, 'iteration': each.iteration, 'figures': dict(each.summary.figures)}
                    for each in self.checkpoints
                ],
                'classes': [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
                'matrices': {key: matrix.tolist() for key, matrix in last.matrices.items()},
            }
        )

    def write(self, folder: Path, figures: Sequence[Figure], formats: Sequence[str] = ('png',)) -> list[Path]:
        """Writes ``<split>.json``, ``<split>.csv``, ``<split>_classes.csv``, ``<split>_figures.json`` (for the HTML
        page), and each figure as ``<split>_<name>.csv`` and picture.

        Returns:
            The first four.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = self.content()
        main = [folder / f'{self.split}{end}' for end in ('.json', '.csv', '_classes.csv')]
        _write_json(main[0], content)
        points = content['checkpoints']
        keys = list(dict.fromkeys(key for point in points for key in point['figures']))
        rows = [[p['checkpoint'], p['iteration'], *(p['figures'].get(key) for key in keys)] for p in points]
        _write_csv(main[1], [['checkpoint', 'iteration', *keys], *rows])
        _write_csv(main[2], [list(content['classes'][0]), *(list(row.values()) for row in content['classes'])])
        return [*main, write_figures(figures, folder, self.split, formats)]


def write_figures(figures: Sequence[Figure], folder: Path, prefix: str, formats: Sequence[str] = ('png',)) -> Path:
    """Writes each figure as ``<prefix>_<name>.csv`` and picture, and all of them as ``<prefix>_figures.json``.

    Returns:
        The last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        path = folder / f'{prefix}_{figure.name}'
        _write_csv(path.with_name(f'{path.name}.csv'), figure.table())
        for ending in formats:
            save_figure(figure, path.with_name(f'{path.name}.{ending}'))
    together = folder / f'{prefix}_figures.json'
    _write_json(together, [figure.content() for figure in figures])
    return together


def _write_json(path: Path, content: Any) -> None:
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(content, allow_nan=False, indent=1) + '\n', encoding='utf-8')


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with path.open('w', newline='', encoding='utf-8') as stream:
        csv.writer(stream, lineterminator='\n').writerows(rows)
