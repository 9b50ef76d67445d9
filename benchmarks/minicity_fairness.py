"""Shows that MiniCity's rare classes are hard because they are rare, and not because they look like nothing.

Trains one small network with plain cross entropy on street scenes with the skew and without it, and prints the mean IoU
of the same head and tail classes on the val split. The test is fair where the tail reaches at least 0.8 of the head
without the skew, and does not with it.

    python benchmarks/minicity_fairness.py

One run gave head 86.9, tail 10.6, ratio 0.12 with the skew, and head 75.4, tail 66.9, ratio 0.89 without.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from mmengine.runner import set_random_seed
from mmseg.utils import register_all_modules
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler

from ltseg.core.confusion import ClassRates, confusion_matrix
from ltseg.counts.data_set_counts import count_dataset
from ltseg.counts.groups import ClassGroups

DATA_CONFIG = Path(__file__).parents[1] / 'configs/_base_/datasets/minicity.py'
CLASSES, IGNORED = 19, 255


def block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class SmallNetwork(nn.Module):
    """An encoder to an eighth of the size with dilated context, and two skips back to half of it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 24, 2)
        self.middle = nn.Sequential(block(24, 48, 2), block(48, 48))
        self.deep = nn.Sequential(block(48, 96, 2), block(96, 96), block(96, 96, 1, 2), block(96, 96, 1, 4))
        self.to_quarter, self.to_half = block(96 + 48, 48), block(48 + 24, 32)
        self.classifier = nn.Conv2d(32, CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits at the size of the images."""
        half = self.stem(images)
        quarter = self.middle(half)
        features = self.deep(quarter)
        for skip, merge in ((quarter, self.to_quarter), (half, self.to_half)):
            features = merge(torch.cat([_resized(features, skip), skip], 1))
        return _resized(self.classifier(features), images)


def _resized(maps: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(maps, like.shape[2:], mode='bilinear', align_corners=False)


def batch_of(samples: dict) -> tuple[Tensor, Tensor]:
    """Images about -1..1, (N, 3, H, W), and labels (N, H, W), of a collated batch."""
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in samples['data_samples']])
    return torch.stack(samples['inputs']).float() / 64 - 2, labels.long()


def train(dataset: Dataset, iterations: int, batch_size: int) -> nn.Module:
    """A network trained with cross entropy."""
    set_random_seed(0)
    network = SmallNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, iterations)
    sampler = RandomSampler(dataset, num_samples=iterations * batch_size)
    for samples in DataLoader(dataset, batch_size, sampler=sampler, collate_fn=pseudo_collate):
        images, labels = batch_of(samples)
        loss = F.cross_entropy(network(images), labels, ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def class_rates(network: nn.Module, dataset: Dataset) -> ClassRates:
    """The rates of each class over a data set."""
    matrix = torch.zeros(CLASSES, CLASSES, dtype=torch.int64)
    for samples in DataLoader(dataset, 8, collate_fn=pseudo_collate):
        images, labels = batch_of(samples)
        matrix += confusion_matrix(network(images).argmax(1), labels, CLASSES, IGNORED)
    return ClassRates.of(matrix)


def data_set(split: str, folder: str, skew: float) -> Dataset:
    """One split of the street scenes, generated where missing."""
    config = Config.fromfile(DATA_CONFIG)[f'{split}_dataloader'].dataset
    config.data_root, config.generate.skew = f'{folder}/skew_{skew}', skew
    return DATASETS.build(config)


def main() -> None:
    """Parses the arguments, trains twice and prints the shares of the head's IoU that the tail reaches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iterations', type=int, default=800)
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--folder', help='where to write the scenes; a temporary folder by default')
    arguments = parser.parse_args()
    register_all_modules(init_default_scope=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder, groups = arguments.folder or temporary, None
        for skew in (1.0, 0.0):
            training = data_set('train', folder, skew)
            if groups is None:
                groups = ClassGroups.tertiles(count_dataset(training)[0].counts.samples)
                print(groups.describe(training.metainfo['classes']))
            network = train(training, arguments.iterations, arguments.batch_size)
            iou = class_rates(network, data_set('val', folder, skew)).iou
            head, tail = (float(iou[list(classes)].nanmean()) for classes in (groups.head, groups.tail))
            for name, value in zip(training.metainfo['classes'], iou.tolist(), strict=True):
                print(f'  {name:14s} IoU {value:5.1f}')
            print(f'skew {skew}: head mIoU {head:.1f}, tail mIoU {tail:.1f}, tail / head {tail / head:.2f}', flush=True)


if __name__ == '__main__':
    main()
