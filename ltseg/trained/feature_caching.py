"""One pass of a frozen backbone over images, whose maps are kept on the disk."""

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
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ltseg.core.errors import FileWriteError, InvalidValueError
from ltseg.counts.label_files import fingerprint, label_files, remote_backend
from ltseg.datasets.exact_sampling import generators_kept
from ltseg.datasets.feature_store import FeatureStore
from ltseg.datasets.named_files import name_files
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import DATASETS

__all__ = ['FeaturePlan', 'cache_features']

RESERVE = 2**28  # bytes of the disk that are left free
# Of a data set and a preprocessor: what changes no number in the features.
NEUTRAL = frozenset({'data_root', 'backend_args'})


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
        mixed = int(np.random.SeedSequence((self.seed, image, variant)).generate_state(1)[0])
        random.seed(mixed)
        np.random.seed(mixed)
        torch.manual_seed(mixed)
        return self.dataset[image]


def cache_features(model: Any, config: Mapping[str, Any], plan: FeaturePlan, root: Path) -> Path:
    """Computes the maps of a model's backbone, as far as they are not in ``root`` yet.

    Args:
        model: A segmentor with its weights; only its preprocessor and its backbone run, in evaluation mode.
        config: Its config, with the data loader of the split.
        plan: What to cache.
        root: Folder for features of any model and plan.

    Returns:
        The folder of these features, whose name has a hash of all that they depend on.

    Raises:
        FileWriteError: If the disk is too small; said after the first batch.
        ValueError: If the backbone does not give maps that the head alone works on.
    """
    model.eval()
    part = config[f'{plan.split}_dataloader']
    dataset = DATASETS.build(part['dataset'])
    name_files(dataset)
    images = range(len(dataset)) if plan.images is None else plan.images
    places = [(image, variant) for variant in range(plan.variants) for image in images]
    store = FeatureStore(root / f'{plan.split}-{_fingerprint(model, part["dataset"], plan, _files(dataset))}')
    done = set(store.written())
    left = [index for index in range(len(places)) if index not in done]
    if left:
        workers = min(part.get('num_workers', 0), 1)
        draws = _Draws(dataset, [places[index] for index in left], plan.seed)
        loader = DataLoader(draws, plan.batch_size, num_workers=workers, collate_fn=pseudo_collate)
        with generators_kept():
            _compute(model, loader, plan, store, left)
    store.describe({'classes': list(dataset_classes(dataset)), 'items': len(places), **asdict(plan)})
    return store.folder


def _compute(model: Any, loader: DataLoader, plan: FeaturePlan, store: FeatureStore, left: Sequence[int]) -> None:
    console, written, sizes = Console(stderr=True), 0, list[list[tuple]]()
    device = next(model.parameters()).device.type
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f'Features of {plan.split}', total=len(left))
        for batch in loader:
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
                data = model.data_preprocessor(batch, plan.split == 'train')
                maps = _checked(model.backbone(data['inputs']), type(model.backbone).__name__)
            for place, sample in enumerate(data['data_samples']):
                features = [each[place] for each in maps]
                sizes.append([tuple(each.shape) for each in features])
                store.write(left[written], features, sample.gt_sem_seg.data, sample.metainfo)
                if not written:
                    _check_space(store, store.path(left[0]).stat().st_size * len(left), console)
                written += 1
                if plan.split == 'train' and sizes[0] != sizes[-1]:
                    got = f'maps {sizes[0]} and {sizes[-1]}'
                    hint = 'Set the crop_size of RandomCrop, and size instead of size_divisor in data_preprocessor.'
                    raise InvalidValueError('training crops', 'crops of one size', got, hint)
            progress.advance(task, len(data['data_samples']))


def _check_space(store: FeatureStore, needed: int, console: Console) -> None:
    """Says how much will be written; raises where there is not as much."""
    free = shutil.disk_usage(store.folder).free
    if needed + RESERVE > free:
        expected, hint = f'{needed / 2**30:.1f} GiB for the features', 'Take fewer images or variants, or another disk.'
        raise FileWriteError(str(store.folder), expected, f'{free / 2**30:.1f} GiB free', hint)
    console.print(f'Features: {needed / 2**30:.2f} GiB in {store.folder}', soft_wrap=True)


def _checked(maps: Any, backbone: str) -> tuple[Tensor, ...]:
    listed = tuple(maps) if isinstance(maps, list | tuple) else (maps,)
    if all(isinstance(each, Tensor) and each.ndim == 4 for each in listed):
        return listed
    hint = 'Choose with another backbone, or train each method whole.'
    raise InvalidValueError(backbone, 'maps (N, C, H, W) that the head works on alone', type(maps).__name__, hint)


def _fingerprint(model: nn.Module, dataset: Mapping[str, Any], plan: FeaturePlan, files: str) -> str:
    """A hash of the weights and buffers, the preprocessor, the data set with its label files, and the plan."""
    digest = hashlib.sha256(json.dumps([_plain(dataset), asdict(plan), files], default=str).encode())
    preprocessor: Any = model.data_preprocessor
    digest.update(
        repr(sorted((key, str(value)) for key, value in vars(preprocessor).items() if key[0] != '_')).encode()
    )
    parts: tuple[Any, Any] = preprocessor, model.backbone
    for part in parts:
        kept = {**part.state_dict(), **dict(part.named_buffers())}  # mean and std are in no state_dict
        for name, value in kept.items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def _files(dataset: Any) -> str:
    """A hash of the names, sizes and times of the label files."""
    return fingerprint(label_files(dataset), str(len(dataset)), local=remote_backend(dataset) is None)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items() if key not in NEUTRAL}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
