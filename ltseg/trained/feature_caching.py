"""One pass of the frozen part of a model over images, whose features are kept on the disk."""

import hashlib
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from rich.console import Console
from rich.progress import Progress
from torch.utils.data import DataLoader, Dataset

from ltseg.core.errors import FileWriteError
from ltseg.counts.ignored_label import ignored_in_training
from ltseg.datasets.exact_sampling import generators_kept
from ltseg.datasets.feature_store import FeatureStore
from ltseg.datasets.named_files import name_files
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import DATASETS
from ltseg.trained.frozen_features import FrozenFeatures, frozen_features_of

__all__ = ['FeaturePlan', 'cache_features']

RESERVE = 2**28  # bytes of the disk that are left free
# Of a data set and a preprocessor: what changes no number in the features.
NEUTRAL = frozenset({'data_root', 'backend_args', 'init_cfg', 'weights'})  # the weights themselves count


@dataclass(frozen=True)
class FeaturePlan:
    """What is cached.

    Args:
        split: 'train', augmented as the config says, or 'val', whole images.
        images: Indices in the data set; None takes all.
        variants: How often each image is drawn, with other augmentation each time; 1 for 'val'.
        seed: Of the augmentation.
        batch_size: Images that pass the backbone at once, all of one size.

    Example:
        >>> from ltseg.trained.feature_caching import FeaturePlan
        >>> FeaturePlan('train', images=(0, 7), variants=4)  # eight crops
        FeaturePlan(split='train', images=(0, 7), variants=4, seed=0, batch_size=1)
    """

    split: str
    images: tuple[int, ...] | None = None
    variants: int = 1
    seed: int = 0
    batch_size: int = 1


class _Draws(Dataset):
    """Each image so many times, the same on every machine whatever was drawn before."""

    def __init__(self, dataset: Any, places: Sequence[tuple[int, int]], seed: int) -> None:
        self.dataset, self.places, self.seed = dataset, places, seed

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: int) -> Any:
        image, variant = self.places[place]
        _seed_all(self.seed, image, variant)
        return self.dataset[image]


def _seed_all(*numbers: int) -> None:
    """Seeds all generators with one number that is mixed of these."""
    mixed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)
    torch.manual_seed(mixed)


def cache_features(model: Any, config: Mapping[str, Any], plan: FeaturePlan, root: Path) -> Path:
    """Computes what the frozen part of a model gives, as far as it is not in ``root`` yet.

    Args:
        model: A segmentor or an image classifier with its weights; only its preprocessor and what
            :func:`ltseg.trained.frozen_features.frozen_features_of` names run, in evaluation mode.
        config: Its config, with the data loader of the split.
        plan: What to cache.
        root: Folder for features of any model and plan.

    Returns:
        The folder of these features, whose name has a hash of all that they depend on.

    Raises:
        FileWriteError: If the disk is too small; said after the first batch.
        ValueError: If the frozen part does not give what the rest works on alone.
    """
    model.eval()
    part, kind = config[f'{plan.split}_dataloader'], frozen_features_of(config)
    dataset = DATASETS.build(part['dataset'])
    name_files(dataset)
    images = range(len(dataset)) if plan.images is None else plan.images
    places = [(image, variant) for variant in range(plan.variants) for image in images]
    mark = _fingerprint(model, config, kind, plan, kind.data_mark(dataset))
    store = FeatureStore(root / f'{plan.split}-{mark}')
    size = kind.images_of_file(plan.batch_size)
    files = [places[begin : begin + size] for begin in range(0, len(places), size)]
    done = set(store.written())
    left = [index for index in range(len(files)) if index not in done]
    if left:
        workers = part.get('num_workers', 0) if torch.cuda.is_available() else min(part.get('num_workers', 0), 1)
        draws = _Draws(dataset, [place for index in left for place in files[index]], plan.seed)
        loader = DataLoader(draws, plan.batch_size, num_workers=workers, collate_fn=pseudo_collate)
        with generators_kept():
            _compute(model, kind, loader, plan, store, left)
    ignored = ignored_in_training(config)
    known = {'classes': list(dataset_classes(dataset)), 'items': len(places), 'ignored': ignored}
    store.describe({**known, **asdict(plan)})
    return store.folder


def _compute(
    model: Any, kind: FrozenFeatures, loader: DataLoader, plan: FeaturePlan, store: FeatureStore, left: Sequence[int]
) -> None:
    console, written, sizes = Console(stderr=True), 0, list[list[tuple]]()
    device, training = next(model.parameters()).device.type, plan.split == 'train'
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f'Features of {plan.split}', total=len(left))
        for batch in loader:
            _seed_all(plan.seed, left[written])  # for preprocessors that augment
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
                entries = list(kind.entries(model, batch, training))
            for features, labels, meta in entries:
                sizes.append([tuple(each.shape) for each in features])
                store.write(left[written], features, labels, meta)
                if not written:
                    _check_space(store, store.path(left[0]).stat().st_size * len(left), console)
                written += 1
                if training:
                    kind.check_crops(sizes[0], sizes[-1])
            progress.advance(task, len(entries))


def _check_space(store: FeatureStore, needed: int, console: Console) -> None:
    """Says how much will be written; raises where there is not as much."""
    free = shutil.disk_usage(store.folder).free
    if needed + RESERVE > free:
        expected, hint = f'{needed / 2**30:.1f} GiB for the features', 'Take fewer images or variants, or another disk.'
        raise FileWriteError(str(store.folder), expected, f'{free / 2**30:.1f} GiB free', hint)
    console.print(f'Features: {needed / 2**30:.2f} GiB in {store.folder}', soft_wrap=True)


def _fingerprint(model: Any, config: Mapping[str, Any], kind: FrozenFeatures, plan: FeaturePlan, labels: str) -> str:
    """A hash of the frozen parts and their weights, the preprocessor, the data set with its labels, and the plan."""
    dataset = config[f'{plan.split}_dataloader']['dataset']
    parts = [_plain(config['model'].get(name)) for name in kind.parts]
    digest = hashlib.sha256(json.dumps([parts, _plain(dataset), asdict(plan), labels], default=str).encode())
    digest.update(kind.preprocessing(model, config).encode())
    for part in (model.data_preprocessor, *kind.modules(model).values()):
        kept = {**part.state_dict(), **dict(part.named_buffers())}  # mean and std are in no state_dict
        for name, value in kept.items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items() if key not in NEUTRAL}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
