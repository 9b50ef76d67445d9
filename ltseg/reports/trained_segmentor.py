"""A trained segmentor with the data of its config, for what is done after training."""

import os
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader, Runner
from torch import nn
from torch.utils.data import DataLoader

from ltseg.core.checks import check_choice, fault
from ltseg.core.posthoc import log_prior_of
from ltseg.counts.data_set_counts import count_dataset, without_pipeline
from ltseg.counts.groups import ClassGroups, build_groups
from ltseg.counts.table import CountsTable, check_table
from ltseg.metrics.evaluation import Evaluation
from ltseg.registry import DATASETS, MODELS
from ltseg.reports.tau_curve import TauCurve, evaluate_over_tau

__all__ = ['TrainedSegmentor']

SPLITS = ('val', 'test')


class TrainedSegmentor:
    """A segmentor of mmseg, its weights, and the class counts of the labels that it was trained on.

    Args:
        config: Config of the training.
        checkpoint: File with the weights.
        table: A table of the training labels made by tools/count_classes.py; by default they are counted, or taken
            from ``class_counts/`` beside the work directories.

    Raises:
        ValueError: If the checkpoint is of another model, or the table of other classes.
        FileNotFoundError: If a file is missing.
    """

    def __init__(self, config: Config, checkpoint: str | os.PathLike, table: str | os.PathLike | None = None) -> None:
        init_default_scope(config.get('default_scope') or 'mmseg')
        self.config, self.checkpoint = config, str(checkpoint)
        self.model: Any = _load(MODELS.build(config.model), self.checkpoint)
        self.model.to('cuda' if torch.cuda.is_available() else 'cpu').eval()
        self.table = self._count() if table is None else CountsTable.load(table)
        self._loaders: dict[str, DataLoader] = {}

    def _count(self) -> CountsTable:
        work_dir = self.config.get('work_dir') or 'work_dirs/any'
        dataset = DATASETS.build(without_pipeline(self._part('train_dataloader')['dataset']))
        return count_dataset(dataset, Path(work_dir).resolve().parent / 'class_counts', show_progress=True)[0]

    def _part(self, name: str) -> Any:
        part = self.config.get(name)
        if part is None:
            raise ValueError(fault(f'config {self.config.filename}', name, None))
        return part

    def loader(self, split: str) -> DataLoader:
        """The data loader of 'val' or 'test'."""
        check_choice('split', split, SPLITS)
        if split not in self._loaders:
            self._loaders[split] = Runner.build_dataloader(self._part(f'{split}_dataloader'), seed=0)
        return self._loaders[split]

    def same_data(self, first: str, second: str) -> bool:
        """Whether two splits are the same images, as 'val' and 'test' of Cityscapes are in most configs."""
        one, other = (self._part(f'{split}_dataloader')['dataset'] for split in (first, second))
        return one == other

    def check_criterion(self, key: str) -> None:
        """Raises ValueError, with the nearest one, unless ``key`` is a metric of these classes."""
        samples, size = self.table.counts.samples, self.table.counts.num_classes
        nothing = torch.zeros(size, size, dtype=torch.int64)
        evaluation = Evaluation(nothing, self.table.class_names, ClassGroups.tertiles(samples), samples, '')
        check_choice('criterion', key, tuple(evaluation.metrics()))

    def curve(self, split: str, taus: tuple[float, ...], floor: float = 0.0) -> TauCurve:
        """Evaluates all taus in one pass over a split.

        Args:
            split: 'val' or 'test'.
            taus: Strengths of the adjustment.
            floor: Training counts below it are raised to it.
        """
        loader = self.loader(split)
        dataset: Any = loader.dataset
        names = tuple(dataset.metainfo['classes'])
        check_table(self.table, self.model.out_channels, names)
        samples, origin = self.table.counts.samples, 'the training labels'
        groups = build_groups(self._groups(split), samples, names)
        ignore_index = getattr(dataset, 'ignore_index', 255)
        log_prior = log_prior_of(samples, floor, names)
        matrices = evaluate_over_tau(self.model, loader, log_prior, taus, ignore_index, split)
        evaluations = tuple(Evaluation(matrix, names, groups, samples, origin) for matrix in matrices)
        return TauCurve(split, taus, evaluations)

    def _groups(self, split: str) -> Any:
        """The option ``groups`` of the split's metric."""
        evaluators = self.config.get(f'{split}_evaluator') or []
        evaluators = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
        return next((each['groups'] for each in evaluators if each.get('groups')), None)


def _load(model: nn.Module, checkpoint: str) -> nn.Module:
    """Loads all weights that prediction needs; losses and auxiliary heads may be others than in training."""
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
    state = content.get('state_dict', content)
    state = {key.removeprefix('module.'): value for key, value in state.items() if 'loss_decode' not in key}
    cure = 'Give the config that this checkpoint was trained with.'
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:  # sizes differ
        raise ValueError(
            fault(checkpoint, 'weights of this model', str(error).splitlines()[-1].strip(), cure)
        ) from error
    faults = [key for key in (*missing, *unexpected) if 'auxiliary_head' not in key and 'loss_decode' not in key]
    if faults:
        raise ValueError(fault(checkpoint, 'the weights of this model', f'other ones, e.g. {faults[0]}', cure))
    return model
