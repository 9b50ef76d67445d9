"""Writes model-index.yml and the metafiles of the configs, which OpenMMLab's ``mim`` reads.

Usage::

    python tools/write_model_index.py            # writes them anew
    python tools/write_model_index.py --check    # only says which ones are out of date

Names come from the configs, and results from the run records in docs/runs, as means over seeds.
"""

import ltseg.compat  # noqa: F401  isort: skip (mends MMSegmentation's imports and therefore comes first)
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from ltseg.cli.config_catalog import TASKS, CatalogConfig, catalog
from ltseg.cli.parser import command_parser
from ltseg.reports.record import RunRecord

ROOT = Path(__file__).resolve().parents[1]
TASK_NAMES = {'segmentation': 'Semantic Segmentation', 'classification': 'Image Classification'}
METRICS = {  # as MMSegmentation and MMPretrain call them, where they have them
    'mIoU': 'mIoU',
    'mAcc': 'mAcc',
    'mIoU_tail': 'mIoU_tail',
    'accuracy/top1': 'Top 1 Accuracy',
    'accuracy/few': 'Top 1 Accuracy few',
}
HEADER = '# Written by tools/write_model_index.py.\n'


def records_of(root: Path) -> Mapping[str, list[RunRecord]]:
    """The records of tests by the name of the config that they are runs of, under whatever settings."""
    found = defaultdict(list)
    for path in sorted((root / 'docs/runs').rglob('*-seed*-test.json')):
        record = RunRecord.load(path)
        stem = Path(record.config).stem
        if path.name.startswith(f'{stem}-seed'):  # no other loss under the config's name
            found[stem].append(record)
    return found


def entry(config: CatalogConfig, records: Sequence[RunRecord]) -> dict[str, Any]:
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
    if records:
        data['Seeds'] = len(records)
        data |= _changes(records)
        known['Results'] = [
            {'Task': TASK_NAMES[config.task], 'Dataset': records[0].dataset, 'Metrics': _means(records)}
        ]
    return known


def _means(records: Sequence[RunRecord]) -> dict[str, float]:
    """Means over the runs, of the metrics that exist: a group without a class has none."""
    metrics = [record.metrics() for record in records]
    means = {name: fmean(each.get(key, math.nan) for each in metrics) for key, name in METRICS.items()}
    return {name: round(mean, 2) for name, mean in means.items() if not math.isnan(mean)}


def _changes(records: Sequence[RunRecord]) -> dict[str, list[str]]:
    """What was set otherwise than in the config, and in how many runs if not in all."""
    counted = Counter(f'{key}={value}' for record in records for key, value in record.settings.items())
    number = len(records)
    texts = [text if seen == number else f'{text} ({seen} of {number} runs)' for text, seen in counted.items()]
    return {'Changed Settings': texts} if texts else {}


def files(root: Path = ROOT) -> dict[Path, str]:
    """Every file with the text that it should have."""
    configs, records = catalog(), records_of(root)
    metafiles = {task: (Path('configs') / folder / 'metafile.yml').as_posix() for task, folder in TASKS.items()}
    texts = {root / 'model-index.yml': _text({'Import': list(metafiles.values())})}
    for task, name in metafiles.items():
        those = [config for config in configs if config.task == task]
        collections = [
            {'Name': model, 'Metadata': {'Architecture': [model]}} for model in dict.fromkeys(c.model for c in those)
        ]
        models = [entry(config, records.get(config.path.stem, ())) for config in those]
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
