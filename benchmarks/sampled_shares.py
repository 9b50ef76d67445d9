"""Which share of the training pixels a rare class has under each sampler and crop, from samples that are drawn.

    python benchmarks/sampled_shares.py [CONFIG] [--samples 512] [--crop 192]

Choosing images does little where every image holds every class: what counts is how large the class is in them.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from ltseg.cli.config_files import register_modules
from ltseg.hooks.sampled_counts import sampled_counts
from ltseg.nested_datasets import dataset_classes
from ltseg.reports.text_table import Cell, TextTable

CONFIG = Path(__file__).parents[1] / 'configs/segformer-lite0_ce_camvid.py'
PLAIN = dict(type='InfiniteSampler', shuffle=True)
CROP = dict(type='RandomCrop', cat_max_ratio=0.75)
#: Sampler and crop by what the row is called.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    'uniform': (PLAIN, CROP),
    'repeat factors (t = 0.001)': (dict(type='ltseg.RepeatFactorSampler'), CROP),
    'class-aware': (dict(type='ltseg.ClassAwareSampler'), CROP),
    'uniform, centered crops': (PLAIN, dict(type='ltseg.ClassCrop')),
    'rare classes (T = 0.01)': (dict(type='ltseg.RareClassSampler'), CROP),
    'rare classes, tried crops': (dict(type='ltseg.RareClassSampler'), dict(type='ltseg.ClassCrop', form='tried')),
    'rare classes, all crops centered': (dict(type='ltseg.RareClassSampler'), dict(type='ltseg.ClassCrop', share=1.0)),
}


def shares(config: Config, sampler: dict, crop: dict, size: int, samples: int) -> tuple[list[float], Sequence[str]]:
    """The share of each class in what a variant of the config delivers, in percent, and the names of the classes."""
    loader = deepcopy(config.train_dataloader)
    loader.update(num_workers=0, persistent_workers=False)
    loader.sampler = sampler  # update would merge the two
    pipeline = loader.dataset.pipeline
    places = [index for index, step in enumerate(pipeline) if step.type == 'RandomCrop']
    if len(places) != 1:
        raise SystemExit('Expected a config whose training pipeline has one RandomCrop.')
    pipeline[places[0]] = dict(crop, crop_size=(size, size))
    built = Runner.build_dataloader(loader, seed=0)
    names = dataset_classes(built.dataset)
    counts = sampled_counts(built, len(names), None, samples, seed=0).samples.double()
    return (100 * counts / counts.sum()).tolist(), names


def table_of(config: Config, size: int, samples: int, rarest: int = 4) -> TextTable:
    """A row for each variant, a column for each of the rarest classes under the first one, the rarest first."""
    found = {name: shares(config, *variant, size, samples) for name, variant in VARIANTS.items()}
    plain, names = found['uniform']
    shown = sorted(range(len(names)), key=lambda k: plain[k])[:rarest]
    rows: list[list[Cell]] = [[name, *(f'{values[k]:.2f}' for k in shown)] for name, (values, _) in found.items()]
    note = f'{samples} samples of each, crops of {size} x {size}: python benchmarks/sampled_shares.py --crop {size}'
    header = ('sampler and crop', *(names[k] for k in shown))
    return TextTable('Share of the pixels in percent', header, rows, [note])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default=str(CONFIG))
    parser.add_argument('--samples', type=int, default=512)
    parser.add_argument('--crop', type=int, default=192, help='height and width')
    options = parser.parse_args(arguments)
    config = Config.fromfile(options.config)
    register_modules(config)
    print(table_of(config, options.crop, options.samples).markdown())


if __name__ == '__main__':
    main()
