"""The label of a method: losses, classifier, regularizers, mixed images, sampling, crops and hooks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ltseg.cli.labels.data import wrappers
from ltseg.cli.labels.known import NAMES, PLAIN_SAMPLERS
from ltseg.cli.labels.part import defaults_of, has_label, is_part, part_label, plain_type, type_of
from ltseg.nested_datasets import all_datasets

__all__ = ['head_of', 'method_label', 'model_of']


def method_label(stages: Sequence[Mapping[str, Any]]) -> str:
    """What a recipe of one or several stages is called.

    One stage: the losses joined by ' + ', then classifier, regularizers, mixed images, sampling, crops and hooks
    joined by ', '. A later stage adds what the one before did not have: 'cross entropy; then class-balanced sampling,
    cRT'.
    """
    parts = [list(dict.fromkeys(_parts(stage))) for stage in stages]
    labels = [', '.join(parts[0])]
    for before, after in zip(parts, parts[1:], strict=False):
        labels.append(', '.join(part for part in after if part not in before) or 'again')
    return '; then '.join(labels)


def model_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model of a config, also where it stands inside one for test-time augmentation."""
    model = config['model']
    return model['module'] if isinstance(model.get('module'), Mapping) else model


def head_of(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The head that predicts; of several in a row the last."""
    head = model.get('decode_head') or model.get('head') or {}
    return head[-1] if isinstance(head, list | tuple) else head


def _parts(config: Mapping[str, Any]) -> Iterator[str]:
    scope = config.get('default_scope') or 'mmseg'
    model, loader = model_of(config), config.get('train_dataloader') or {}
    head = head_of(model)
    yield _losses(head, scope)
    found = [
        head.get('classifier'),
        *_listed(head.get('regularizers')),
        *_listed((model.get('train_cfg') or {}).get('augments')),
        *_listed(_batch_augments(model) or _batch_augments(config)),
        *_listed(head.get('sampler')),
        *(part for part in _listed((head.get('train_cfg') or {}).get('assigner')) if has_label(part, scope)),
        *(part for part in _listed(loader.get('sampler')) if is_part(part) and plain_type(part) not in PLAIN_SAMPLERS),
        *(part for part in wrappers(loader.get('dataset')) if plain_type(part) in NAMES),
        *(step for step in _pipelines(loader.get('dataset')) if is_part(step) and has_label(step, scope)),
        *(hook for hook in _listed(config.get('custom_hooks')) if is_part(hook) and has_label(hook, scope)),
    ]
    for part in found:
        if is_part(part):
            yield part_label(part, scope)
        elif isinstance(part, str):
            yield part_label({'type': part}, scope)


def _batch_augments(holder: Mapping[str, Any]) -> Any:
    """What MMPretrain's data preprocessor mixes images with; what MMSegmentation's has under this name pads them."""
    augments = (holder.get('data_preprocessor') or {}).get('batch_augments')
    return augments.get('augments') if isinstance(augments, Mapping) else None


def _pipelines(dataset: Any) -> Iterator[Any]:
    return (step for each in all_datasets(dataset) if is_part(each) for step in _listed(each.get('pipeline')))


def _listed(value: Any) -> Sequence[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _losses(head: Mapping[str, Any], scope: str) -> str:
    """All losses of a head; their weights are told where they differ. Of a head of masks, the one of their classes."""
    losses = _in({'loss_cls': head['loss_cls']} if 'loss_cls' in head else head)
    if not losses and 'type' in head:
        kind = type_of({**head, 'type': head.get('head_type') or head['type']}, scope)
        losses = [] if kind is None else _in(defaults_of(kind))
    given = (loss.get('loss_weight') for loss in losses)
    weights = [weight if isinstance(weight, int | float) else 1.0 for weight in given]
    labels = [part_label(loss, scope) for loss in losses]
    if len(set(weights)) > 1:
        labels = [
            f'{weight:g} × {label}' if weight != 1 else label for weight, label in zip(weights, labels, strict=True)
        ]
    return ' + '.join(labels) or 'own loss'


def _in(arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = (value for key, value in arguments.items() if key.startswith('loss'))
    return [loss for value in given for loss in _listed(value) if is_part(loss)]
