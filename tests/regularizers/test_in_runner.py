"""Regularizers in mmengine's Runner: averaged by its EMAHook, saved, resumed, scheduled."""

import shutil

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from regularizers_under_test import REGULARIZERS, D, K
from torch import nn

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup


class Classifier(BaseModel):
    """The smallest model with all regularizers."""

    def __init__(self):
        super().__init__()
        self.trunk, self.linear = nn.Linear(3, D), nn.Linear(D, K)
        terms = [{**config, 'loss_name': f'loss_{index}'} for index, config in enumerate(REGULARIZERS)]
        self.terms = RegularizerGroup(terms, K, D)

    def forward(self, inputs, labels, mode='tensor'):
        torch.manual_seed(7)  # of samples of pixels
        features = self.trunk(inputs)
        return self.terms(FeatureBatch(features[:, None].repeat(1, 2, 1), labels, K, self.linear.weight))


def runner_of(work_dir, resume=False):
    torch.manual_seed(0)
    data = [dict(inputs=torch.randn(3), labels=torch.tensor(index % K)) for index in range(10)]
    model = Classifier()
    return Runner(
        model,
        str(work_dir),
        train_dataloader=dict(
            batch_size=10,
            dataset=data,
            sampler=dict(type='InfiniteSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=False, max_iters=4),
        optim_wrapper=OptimWrapper(torch.optim.SGD(model.parameters(), 0.01)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)),
        custom_hooks=[EMAHook(update_buffers=True)],
        log_level='ERROR',
        experiment_name=f'{work_dir.name}{resume}',
        resume=resume,
    )


@pytest.mark.slow
def test_resumed_training_is_the_uninterrupted_one(tmp_path):
    whole = runner_of(tmp_path / 'whole')
    whole.train()
    cut = tmp_path / 'cut'
    cut.mkdir()
    shutil.copy(tmp_path / 'whole' / 'iter_2.pth', cut)
    (cut / 'last_checkpoint').write_text(str(cut / 'iter_2.pth'))
    resumed = runner_of(cut, resume=True)
    resumed.train()
    expected = whole.model.state_dict()
    assert resumed.iter == whole.iter == 4 and any(name.endswith('centers.vectors') for name in expected)
    for name, value in resumed.model.state_dict().items():
        torch.testing.assert_close(value, expected[name])
