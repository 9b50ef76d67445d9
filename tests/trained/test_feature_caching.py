"""Features of a backbone on the disk: what cannot be kept is said, with hints that work."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from plain_segmentation import stripes, write_images, write_plain_config
from torch import nn

from ltseg.datasets.feature_store import FeatureStore
from ltseg.registry import MODELS
from ltseg.trained import feature_caching
from ltseg.trained.feature_caching import RESERVE, FeaturePlan, cache_features

pytestmark = pytest.mark.usefixtures('mmseg_registered')


@pytest.fixture
def config(tmp_path: Path) -> Config:
    write_images(tmp_path / 'data', stripes((0.6, 0.3, 0.1), (0, 1, 2)))
    return Config.fromfile(write_plain_config(tmp_path))


def test_fewer_variants_and_another_disk_have_space(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS.build(config.model)

    def items(root: str, variants: int) -> int:
        return len(
            FeatureStore(
                cache_features(model, config, FeaturePlan('train', variants=variants), tmp_path / root)
            ).written()
        )

    (tmp_path / 'measured').mkdir()
    assert items('measured', 1) == 2
    size = max(path.stat().st_size for path in (tmp_path / 'measured').rglob('*') if path.is_file())

    def usage(path: Path) -> Any:
        small = 'small' in Path(path).parts
        return SimpleNamespace(free=RESERVE + (3 * size if small else 99 * size))

    monkeypatch.setattr(feature_caching.shutil, 'disk_usage', usage)
    hinted('Take fewer images or variants, or another disk.', lambda: items('small', 3))
    assert items('small', 1) == 2 and items('large', 3) == 6


class Vectors(nn.Module):
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images.mean((2, 3))]


def test_a_backbone_of_maps_can_be_cached(config: Config, tmp_path: Path) -> None:
    model = MODELS.build(config.model)
    backbone, model.backbone = model.backbone, Vectors()
    hinted(
        'Choose with another backbone, or train each method whole.',
        lambda: cache_features(model, config, FeaturePlan('val'), tmp_path / 'cache'),
    )
    model.backbone = backbone
    assert len(FeatureStore(cache_features(model, config, FeaturePlan('val'), tmp_path / 'cache')).written()) == 2
