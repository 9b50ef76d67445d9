"""Whether the weights that a model starts from can be had, before mmengine tries for minutes to download them."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.runner.checkpoint import get_external_models

from ltseg.cli.weights import SOURCES
from ltseg.core.errors import describe

__all__ = ['weight_faults']

TIMEOUT = 10  # seconds


def weight_faults(parts: Mapping[str, dict]) -> list[str]:
    """What is wrong with the pretrained weights of a model.

    Args:
        parts: Every dict in the config of the model by its dotted path.

    Returns:
        A message for each setting that names weights which cannot be loaded, with the override.
    """
    sources = {}
    for path, part in parts.items():
        if isinstance(part.get('pretrained'), str):
            sources[f'{path}.pretrained'] = part['pretrained']
        elif part.get('type') == 'Pretrained' and path.endswith('init_cfg'):
            sources[path] = str(part.get('checkpoint'))
    faults = []
    for setting, source in sources.items():
        problem = _unavailable(source)
        if problem:
            hint = f'To train from scratch: --cfg-options {setting}=None'
            faults.append(describe(setting, f'weights that can be loaded ({problem})', repr(source), hint))
    return [*faults, *(fault for path, part in parts.items() if (fault := _encoder_fault(path, part)))]


def _encoder_fault(path: str, part: Mapping[str, Any]) -> str | None:
    """What keeps ``ltseg.TIMMEncoder`` from its weights, which timm downloads where there is no file."""
    weights, name = part.get('weights'), str(part.get('model_name'))
    if part.get('type') != 'ltseg.TIMMEncoder' or not isinstance(weights, str) or Path(weights).expanduser().is_file():
        return None
    if _in_hub_cache(name) or not (problem := _unavailable('https://huggingface.co/timm')):
        return None
    got = f'{weights!r}, which does not exist, and no way to download those of timm ({problem})'
    hint = f'To train from scratch: --cfg-options {path}.weights=None'
    if name in SOURCES:
        hint = f'To write the file: ltseg weights {name} --out {weights}. {hint}'
    return describe(f'{path}.weights', f'weights of {name}', got, hint)


def _in_hub_cache(name: str) -> bool:
    """Whether timm has downloaded the weights of a model before."""
    try:
        import timm
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return False
    repository = str(getattr(timm.get_pretrained_cfg(name), 'hf_hub_id', ''))
    files = ('model.safetensors', 'pytorch_model.bin')
    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files if repository)


def _unavailable(source: str) -> str | None:
    """Why weights cannot be loaded, or None."""
    url = source
    if source.startswith('open-mmlab://'):
        url = get_external_models().get(source.removeprefix('open-mmlab://'), '')
        if not url:
            return 'mmengine knows none of this name'
    if not url.startswith(('http://', 'https://')):
        known = '://' in url or Path(url).is_file()  # other schemes are mmengine's own
        return None if known else 'no such file'
    kept = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(url).path).name)
    if kept.is_file():
        return None
    try:
        urllib.request.urlopen(urllib.request.Request(url, method='HEAD'), timeout=TIMEOUT).close()
    except OSError as error:
        return f'{kept.name} is not in {kept.parent} and cannot be downloaded: {getattr(error, "reason", error)}'
    return None
