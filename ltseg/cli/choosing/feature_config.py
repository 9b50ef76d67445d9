"""Configs whose backbone has run before: the rest of the model is trained and evaluated on its features."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from mmengine.config import Config

from ltseg.config_parts import type_name
from ltseg.metrics.task import CLASSIFICATION, task_of

__all__ = ['HeadTraining', 'on_features']

ALL_ALIKE = {'type': 'InfiniteSampler', 'shuffle': True}
IN_ORDER = {'type': 'DefaultSampler', 'shuffle': False}
AUTOCAST = ('AutocastOptimWrapper', 'AmpOptimWrapper')


@dataclass(frozen=True)
class HeadTraining:
    """How heads are trained on features, the same for all methods: AdamW, a warm-up over a tenth, then a cosine to 0.

    Args:
        iterations: Of training.
        batch_size: Crops, or vectors, in a batch.
        learning_rate: The highest.
    """

    iterations: int = 600
    batch_size: int = 8
    learning_rate: float = 3e-3


def on_features(
    config: Config,
    folders: Mapping[str, str],
    table: str,
    training: HeadTraining,
    seed: int,
    sampler: Mapping[str, Any] | None = None,
) -> Config:
    """The config of a model that works on features.

    Neck, decode head and auxiliary heads are those of ``config``, or the head of a classifier, whose neck has run
    before; schedules, hooks and checkpoints are not.

    Args:
        config: Of a segmentor or an image classifier.
        folders: Of the features of 'train' and 'val'.
        table: File with the class counts of the training labels.
        training: How the heads are trained.
        seed: Of the training run.
        sampler: Of the training features; None draws all alike.
    """
    autocast = type_name(config.get('optim_wrapper') or {}) in AUTOCAST
    of_vectors = task_of(config) is CLASSIFICATION
    of_split = partial(_loader, of_vectors)
    warm_up = max(training.iterations // 10, 1)
    kept = {key: deepcopy(config[key]) for key in ('default_scope', 'custom_imports', 'val_evaluator') if key in config}
    return Config(
        dict(
            **kept,
            model=_on_vectors(config) if of_vectors else _on_maps(config, autocast),
            train_dataloader=of_split(folders['train'], training.batch_size, sampler or ALL_ALIKE),
            val_dataloader=of_split(folders['val'], training.batch_size if of_vectors else 1, IN_ORDER),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=training.iterations, val_interval=training.iterations),
            val_cfg=dict(type='ValLoop'),
            optim_wrapper=dict(
                type='ltseg.AutocastOptimWrapper' if autocast else 'OptimWrapper',
                optimizer=dict(type='AdamW', lr=training.learning_rate, weight_decay=0.01),
            ),
            param_scheduler=[
                dict(type='LinearLR', start_factor=0.04, by_epoch=False, begin=0, end=warm_up),
                dict(
                    type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=warm_up, end=training.iterations,
                    T_max=max(training.iterations - warm_up, 1),
                ),
            ],
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
                checkpoint=dict(
                    type='CheckpointHook', by_epoch=False, interval=training.iterations, save_optimizer=False
                ),
            ),
            custom_hooks=[dict(type='ltseg.CountClasses', table=table), dict(type='ltseg.StopOnNaN')],
            randomness=dict(seed=seed),
            log_processor=dict(by_epoch=False),
            log_level='WARNING',
        )
    )  # fmt: skip


def _on_maps(config: Config, autocast: bool) -> dict[str, Any]:
    """A segmentor without its backbone."""
    model = deepcopy(config.model)
    model.pop('pretrained', None)
    model['backbone'] = dict(type='ltseg.GivenFeatures')
    dtype = 'bfloat16' if autocast else 'float32'
    model['data_preprocessor'] = dict(type='ltseg.FeaturePreprocessor', training_dtype=dtype)
    model['test_cfg'] = dict(mode='whole')
    return model


def _on_vectors(config: Config) -> dict[str, Any]:
    """The head of a classifier, without mixing of images."""
    given = dict(type='ltseg.GivenFeatures')
    preprocessor = dict(type='mmpretrain.ClsDataPreprocessor')
    return dict(
        type=config.model.type, backbone=given, head=deepcopy(config.model.head), data_preprocessor=preprocessor
    )


def _loader(of_vectors: bool, folder: str, batch_size: int, sampler: Mapping[str, Any]) -> dict[str, Any]:
    loader = dict(batch_size=batch_size, num_workers=0, sampler=dict(sampler))
    if of_vectors:
        stacked = dict(type='default_collate')
        return dict(**loader, dataset=dict(type='ltseg.CachedVectors', folder=folder), collate_fn=stacked)
    return dict(**loader, dataset=dict(type='ltseg.CachedFeatures', folder=folder))
