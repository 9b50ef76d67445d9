"""A trained model with the data of its config, for what is done after training."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.posthoc import log_prior_of, predictions_over_tau
from ltseg.core.tau_norm import normalized_predictions, weight_norms
from ltseg.counts.class_names import check_class_order
from ltseg.counts.data_set_counts import build_dataset, count_dataset, counts_folder
from ltseg.counts.ignored_label import ignored_in_training
from ltseg.counts.table import CountsTable, check_table
from ltseg.datasets.named_files import name_files
from ltseg.heads.predicted_logits import linear_classifier_of
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import Task
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import MODELS
from ltseg.trained.tau_curve import WAYS, Predictions, TauCurve, evaluate_over_tau
from ltseg.trained.weights import load_weights

__all__ = ['SPLITS', 'TrainedModel', 'build_model']

SPLITS = ('val', 'test')


def build_model(config: Config) -> Any:
    """The model of a config as mmengine's Runner builds it, with a data preprocessor that stands beside it."""
    preprocessor = config.get('data_preprocessor')
    return MODELS.build(config.model if preprocessor is None else {'data_preprocessor': preprocessor, **config.model})


class TrainedModel(ABC):
    """A model of mmengine, its weights, and the class counts of the labels that it was trained on.

    Args:
        config: Config of the training run.
        checkpoint: File with the weights.
        table: A table of the training labels made by ltseg count; by default they are counted, or taken
            from ``class_counts/`` beside the work directories.

    Raises:
        ValueError: If the checkpoint is of another model, or the table of other classes.
        FileNotFoundError: If a file is missing.

    Example:
        >>> from ltseg.trained.model import TrainedModel
        >>> sorted(TrainedModel.__abstractmethods__)  # what a task defines
        ['ignored_label', 'logits_and_labels', 'num_classes']
    """

    task: Task

    def __init__(self, config: Config, checkpoint: str | os.PathLike, table: str | os.PathLike | None = None) -> None:
        init_default_scope(config.get('default_scope') or self.task.scope)
        self.config, self.checkpoint = config, str(checkpoint)
        self.model: Any = load_weights(build_model(config), self.checkpoint)
        self.model.to('cuda' if torch.cuda.is_available() else 'cpu').eval()
        self.table = self._count() if table is None else CountsTable.load(table)
        self._loaders: dict[str, DataLoader] = {}

    def _count(self) -> CountsTable:
        folder = counts_folder(self.config.get('work_dir') or 'work_dirs/any')
        dataset = build_dataset(self._part('train_dataloader')['dataset'])
        return count_dataset(dataset, folder, show_progress=True, ignore_index=ignored_in_training(self.config))[0]

    def _part(self, name: str) -> Any:
        part = self.config.get(name)
        if part is None:
            raise InvalidValueError(f'config {self.config.filename}', name, 'none')
        return part

    def loader(self, split: str) -> DataLoader:
        """The data loader of 'val' or 'test'."""
        check_choice('split', split, SPLITS)
        if split not in self._loaders:
            self._loaders[split] = Runner.build_dataloader(self._part(f'{split}_dataloader'), seed=0)
            name_files(self._loaders[split].dataset)
        return self._loaders[split]

    def same_data(self, first: str, second: str) -> bool:
        """Whether two splits are the same images, as 'val' and 'test' of Cityscapes are in most configs."""
        one, other = (self._part(f'{split}_dataloader')['dataset'] for split in (first, second))
        return one == other

    def check_criterion(self, key: str) -> None:
        """Raises ValueError, with the nearest one, unless ``key`` is a metric of these classes."""
        size = self.table.counts.num_classes
        nothing, names = torch.zeros(size, size, dtype=torch.int64), self.table.class_names
        samples = self.table.counts.samples
        groups = self.task.groups(None, samples, names, self.table.ignored_class)
        evaluation = Evaluation(nothing, names, groups, samples, '', self.task)
        check_choice('criterion', key, tuple(evaluation.metrics()))

    def curve(self, split: str, taus: tuple[float, ...], floor: float = 0.0, by: str = 'prior') -> TauCurve:
        """Evaluates all taus in one pass over a split.

        Args:
            split: 'val' or 'test'.
            taus: Strengths of the adjustment.
            floor: Training counts below it are raised to it.
            by: 'prior' for logit adjustment, 'norm' for tau-normalisation.
        """
        loader = self.loader(split)
        names = dataset_classes(loader.dataset) or self.table.class_names
        check_class_order(f'{split}_dataloader.dataset, classes', names, self.table.class_names)
        check_table(self.table, self.num_classes, names)
        batches, predictions = self._batches(loader, split, by), self._predictions(taus, floor, by, names)
        matrices = evaluate_over_tau(batches, predictions, len(taus), len(names), self.ignored_label(split))
        return self.curve_of(split, taus, matrices)

    def curve_of(self, split: str, taus: tuple[float, ...], matrices: Tensor) -> TauCurve:
        """The curve that these confusion matrices make, (T, K, K), with the groups that the split's metric names."""
        names = dataset_classes(self.loader(split).dataset) or self.table.class_names
        samples, origin = self.table.counts.samples, 'the training labels'
        groups = self.task.groups(self._groups_option(split), samples, names, self.table.ignored_class)
        evaluations = (Evaluation(matrix, names, groups, samples, origin, self.task) for matrix in matrices)
        return TauCurve(split, taus, tuple(evaluations))

    def _predictions(self, taus: tuple[float, ...], floor: float, by: str, names: Sequence[str]) -> Predictions:
        check_choice('by', by, tuple(WAYS))
        if by == 'prior':
            log_prior = log_prior_of(self.table.learned.samples, floor, names, self.table.cause_of_empty_classes)
            device = next(self.model.parameters()).device
            return partial(predictions_over_tau, log_prior=log_prior.to(device), taus=taus)
        classifier = linear_classifier_of(self.model)[1]
        return partial(normalized_predictions, norms=weight_norms(classifier.weight), bias=classifier.bias, taus=taus)

    def _batches(self, loader: DataLoader, title: str, by: str) -> Iterator[tuple[Tensor, Tensor]]:
        console = Console(stderr=True)
        for batch in track(loader, title, console=console, disable=not console.is_terminal):
            with torch.inference_mode():
                yield from self.logits_and_labels(batch, by)

    def _groups_option(self, split: str) -> Any:
        """The option ``groups`` of the split's metric."""
        evaluators = self.config.get(f'{split}_evaluator') or []
        evaluators = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
        return next((each['groups'] for each in evaluators if each.get('groups')), None)

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """K of the model."""

    @abstractmethod
    def ignored_label(self, split: str) -> int:
        """Label that is not evaluated on a split."""

    @abstractmethod
    def logits_and_labels(self, batch: dict[str, Any], by: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits (N, K, *) and labels (N, *) of a batch of a data loader.

        Raises:
            ValueError: If there are no labels, or the model returns no logits that the adjustment could start from.
        """
