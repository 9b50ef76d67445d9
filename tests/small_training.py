"""A Runner that trains a small network on a few vectors."""

from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn

COUNTS = [6, 2, 1]


class Head(nn.Module):
    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.fc = nn.Linear(4, len(COUNTS))
        self.loss_module = loss


class Network(BaseModel):
    """A normalised trunk and a head; notes the rules and the mode of its normalisation at each step."""

    def __init__(self, loss: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.head = Head(loss or nn.CrossEntropyLoss())
        self.steps: list[tuple[int, bool]] = []

    def forward(self, inputs: Tensor, label: Tensor, mode: str = 'loss') -> Any:
        if mode == 'predict':
            predicted = self.head.fc(self.trunk(inputs)).argmax(1, keepdim=True)
            pairs = zip(label.view(-1, 1), predicted, strict=True)
            return [{'gt_label': one, 'pred_label': guess} for one, guess in pairs]
        self.steps.append((len(getattr(self.head.loss_module, 'rules', ())), self.trunk[1].training))
        return {'loss': self.head.loss_module(self.head.fc(self.trunk(inputs)), label)}


class Classified(list):
    metainfo = {'classes': ('a', 'b', 'c')}


def validation(classes: int = len(COUNTS)) -> dict[str, Any]:
    """Settings of a Runner that validates on one batch, which has so many of the classes."""
    labels = torch.arange(60) % classes
    samples = torch.randn(60, 3, generator=torch.Generator().manual_seed(2))
    data = Classified({'inputs': sample, 'label': label} for sample, label in zip(samples, labels, strict=True))
    loader = {'dataset': data, 'batch_size': 60, 'num_workers': 0, 'collate_fn': {'type': 'default_collate'}}
    return {
        'val_dataloader': {**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        'val_cfg': {},
        'val_evaluator': {'type': 'ltseg.LongTailAccuracy', 'counts': COUNTS},
    }


def training(
    folder: Path, model: nn.Module, *hooks: dict, epochs: int = 3, iterations: int = 0, **settings: Any
) -> Runner:
    """A Runner with two batches in an epoch, which saves at the end of each; or one that counts iterations."""
    labels = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS))
    samples = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(1))
    data = [{'inputs': sample, 'label': label} for sample, label in zip(samples, labels, strict=True)]
    given = {
        'train_dataloader': {
            'dataset': data,
            'batch_size': 5,
            'num_workers': 0,
            'sampler': {'type': 'InfiniteSampler' if iterations else 'DefaultSampler', 'shuffle': True},
            'collate_fn': {'type': 'default_collate'},
        },
        'train_cfg': {'by_epoch': False, 'max_iters': iterations}
        if iterations
        else {'by_epoch': True, 'max_epochs': epochs},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9, 'weight_decay': 0.01}},
        'default_hooks': {'logger': None, 'checkpoint': {'type': 'CheckpointHook', 'interval': 1}},
    }
    return Runner(
        model,
        work_dir=str(folder),
        custom_hooks=list(hooks),
        default_scope='mmengine',
        experiment_name=f'{folder}-{id(model)}',
        log_level='ERROR',
        randomness={'seed': 3},
        **{**given, **settings},
    )


def forget_runners() -> None:
    """Leaves a process in which no Runner has trained yet, as schedules see it."""
    MessageHub.get_instance(f'none since {len(MessageHub._instance_dict)}')
