"""Where the monitors of a training run write: every visualisation backend, and a file with one line for each look."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.json_files import parse_json
from ltseg.heads.classifier_watch import ClassifierWatch, class_vectors_of
from ltseg.hooks.count_classes import training_classes
from ltseg.hooks.wrapped_model import unwrapped

__all__ = ['MonitorLog', 'check_model', 'class_names_of']


def check_model(runner: Runner, hook: str) -> None:
    """Raises ValueError unless the model of ``runner`` has one last layer that a monitor can watch."""
    try:
        ClassifierWatch(unwrapped(runner)).close()
    except ValueError as error:
        hint = 'Leave this hook out for this model.'
        raise InvalidValueError(f'{hook}: {error} {hint}') from error


def class_names_of(runner: Runner) -> list[str]:
    """Names of the classes, different from each other; numbers where the data set has none."""
    number = len(class_vectors_of(unwrapped(runner)))
    names = training_classes(runner.train_loop)
    if len(names) != number:
        return [str(index) for index in range(number)]
    return [name if names.count(name) == 1 else f'{name} ({index})' for index, name in enumerate(names)]


class MonitorLog:
    """A file ``WORK_DIR/collapse/<name>.jsonl``: a line with the class names, then one for each look.

    A resumed training goes on where it resumes: lines from later iterations are dropped.

    Args:
        runner: Of the training run.
        name: Of the file.
        class_names: K names.

    Example:
        >>> import tempfile
        >>> from unittest.mock import Mock
        >>> from ltseg.hooks.monitor_log import MonitorLog
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Mock(work_dir=folder, iter=49)  # in the 50th iteration
        ...     log = MonitorLog(runner, 'norms', class_names=['road', 'pole'])
        ...     log.write(runner, {'norms/mean': 1.5}, {'norms': [1.0, 2.0]})
        ...     print(log.path.read_text(), end='')
        {"kind": "ltseg norms", "class_names": ["road", "pole"]}
        {"iteration": 50, "norms": [1.0, 2.0]}
    """

    def __init__(self, runner: Runner, name: str, class_names: Sequence[str]) -> None:
        self.path = Path(runner.work_dir) / 'collapse' / f'{name}.jsonl'
        if not is_main_process():
            return
        header = {'kind': f'ltseg {name}', 'class_names': list(class_names)}
        lines = [json.dumps(header), *self._kept(header, runner.iter)]
        try:
            with atomic_write(self.path) as draft:
                draft.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        except OSError as error:
            hint = 'Choose another --work-dir.'
            raise InvalidValueError(str(self.path), 'a file that can be written', str(error), hint) from error

    def _kept(self, header: dict[str, Any], iteration: int) -> list[str]:
        """Lines of an earlier part of the same training, without a last one that was cut off."""
        if not iteration or not self.path.is_file():
            return []
        kept = []
        for line in self.path.read_text(encoding='utf-8', errors='replace').splitlines()[1:]:
            try:
                point = parse_json(line)
            except ValueError:
                continue
            if isinstance(point, dict) and 0 < point.get('iteration', 0) <= iteration:
                kept.append(line)
        return kept

    def write(self, runner: Runner, scalars: Mapping[str, float], point: Mapping[str, Any]) -> None:
        """Logs ``scalars`` to every backend, and ``point`` to the file; in the main process only."""
        if not is_main_process():
            return
        iteration = runner.iter + 1
        runner.visualizer.add_scalars(
            {key: value for key, value in scalars.items() if math.isfinite(value)}, step=iteration
        )
        with self.path.open('a', encoding='utf-8') as stream:
            stream.write(json.dumps({'iteration': iteration, **_plain(point)}) + '\n')


def _plain(value: Any) -> Any:
    """Four digits of each number; null for what is not finite."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return (float(f'{value:.4g}') if math.isfinite(value) else None) if isinstance(value, float) else value
