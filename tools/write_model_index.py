"""Writes model-index.yml and the metafiles of the configs, which OpenMMLab's ``mim`` reads.

Usage::

    python tools/write_model_index.py            # writes them anew
    python tools/write_model_index.py --check    # only says which ones are out of date

Names come from the configs, and results from the run records in docs/runs, as means over seeds: of the longest training
runs, where there are several lengths.
"""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.append(str(ROOT / 'tools'))  # behind the rest, because some tools are named as modules of Python

import ltseg.compat  # noqa: E402, F401  isort: skip
from config_results import config_results  # noqa: E402

from ltseg.cli.config_catalog import TASKS, CatalogConfig, catalog  # noqa: E402
from ltseg.cli.parser import command_parser  # noqa: E402
from ltseg.reports.method import Method  # noqa: E402

TASK_NAMES = {'segmentation': 'Semantic Segmentation', 'classification': 'Image Classification'}
METRICS = {  # as MMSegmentation and MMPretrain call them, where they have them
    'mIoU': 'mIoU',
    'mAcc': 'mAcc',
    'mIoU_tail': 'mIoU_tail',
    'accuracy/top1': 'Top 1 Accuracy',
    'accuracy/few': 'Top 1 Accuracy few',
}
HEADER = '# Written by tools/write_model_index.py.\n'


def entry(config: CatalogConfig, results: Sequence[Method]) -> dict[str, Any]:
    """What a metafile says of a config."""
    data = {
        'Training Data': config.dataset.partition('_')[0],
        'Architecture': [config.model],
        'Training Techniques': [config.method],
    }
    known: dict[str, Any] = {
        'Name': config.path.stem,
        'In Collection': config.model,
        'Config': f'configs/{config.file}',
        'Metadata': data,
    }
    for method in results[-1:]:
        data['Seeds'] = len(method.runs)
        data |= _changes(method)
        dataset = method.runs[0].record.dataset
        known['Results'] = [{'Task': TASK_NAMES[config.task], 'Dataset': dataset, 'Metrics': _means(method)}]
    return known


def _means(method: Method) -> dict[str, float]:
    """Means over the runs, of the metrics that exist: a group without a class has none."""
    means = {name: round(method.mean(key), 2) for key, name in METRICS.items()}
    return {name: mean for name, mean in means.items() if not math.isnan(mean)}


def _changes(method: Method) -> dict[str, list[str]]:
    """What was set otherwise than in the config, and in how many runs if not in all."""
    counted = Counter(f'{key}={value}' for run in method.runs for key, value in run.record.settings.items())
    number = len(method.runs)
    texts = [text if seen == number else f'{text} ({seen} of {number} runs)' for text, seen in counted.items()]
    return {'Changed Settings': texts} if texts else {}


def files(root: Path = ROOT) -> dict[Path, str]:
    """Every file with the text that it should have."""
    configs, results = catalog(), config_results(root)
    metafiles = {task: (Path('configs') / folder / 'metafile.yml').as_posix() for task, folder in TASKS.items()}
    texts = {root / 'model-index.yml': _text({'Import': list(metafiles.values())})}
    for task, name in metafiles.items():
        those = [config for config in configs if config.task == task]
        collections = [
            {'Name': model, 'Metadata': {'Architecture': [model]}} for model in dict.fromkeys(c.model for c in those)
        ]
        models = [entry(config, results.get(f'configs/{config.file}', ())) for config in those]
        texts[root / name] = _text({'Collections': collections, 'Models': models})
    return texts


def _text(content: dict[str, Any]) -> str:
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command_parser(__doc__)
    parser.add_argument('--check', action='store_true', help='write nothing; exit with 1 where a file is out of date')
    options = parser.parse_args(arguments)
    changed = {
        path: text for path, text in files().items() if not path.is_file() or path.read_text(encoding='utf-8') != text
    }
    for path, text in changed.items():
        print(f'{"out of date" if options.check else "written"}: {path.relative_to(ROOT)}')
        if not options.check:
            path.write_text(text, encoding='utf-8')
    return int(options.check and bool(changed))


if __name__ == '__main__':
    sys.exit(main())
