"""mmengine's EMAHook with each way of counting: averaged, saved, loaded."""

import pytest
import torch
from losses_under_test import COUNTS, name_of
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn

from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS


class Classifier(BaseModel):
    """The smallest model with a long-tail loss."""

    def __init__(self, loss):
        super().__init__()
        self.linear = nn.Linear(3, len(COUNTS))
        self.loss = MODELS.build(loss)

    def forward(self, inputs, labels, mode='tensor'):
        logits = self.linear(inputs)
        return dict(loss=self.loss(logits, labels)) if mode == 'loss' else logits


def runner_of(config, work_dir, iterations, resume=False):
    torch.manual_seed(0)
    data = [dict(inputs=torch.randn(3), labels=torch.tensor(k % len(COUNTS))) for k in range(20)]
    model = Classifier(config)
    if model.loss.counts.waiting:
        model.loss.counts.fill(ClassCounts.from_list(COUNTS))
    return Runner(
        model,
        str(work_dir),
        train_dataloader=dict(
            batch_size=5, dataset=data, sampler=dict(type='InfiniteSampler'), collate_fn=dict(type='default_collate')
        ),
        train_cfg=dict(by_epoch=False, max_iters=iterations),
        optim_wrapper=OptimWrapper(torch.optim.SGD(model.parameters(), 0.1)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)),
        custom_hooks=[EMAHook(begin_iter=2, update_buffers=True)],
        log_level='ERROR',
        experiment_name=f'{work_dir.name}{iterations}{resume}',
        resume=resume,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    'config',
    [
        *[dict(type='ltseg.ARBLoss', counts=counts) for counts in ('batch', 'dataset', 'ema', 'accumulated', COUNTS)],
        dict(type='ltseg.RecallLoss'),
    ],
    ids=name_of,
)
def test_averaged_saved_and_resumed(config, tmp_path):
    runner = runner_of(config, tmp_path, 4)
    runner.train()
    state = runner.model.loss.state_dict()
    loaded = runner_of(config, tmp_path, 4, resume=True)
    loaded.train()  # nothing is left to train
    for name, value in loaded.model.loss.state_dict().items():
        assert torch.equal(value, state[name])
    resumed = runner_of(config, tmp_path, 6, resume=True)
    resumed.train()
    assert resumed.iter == 6
    if config.get('counts') == 'accumulated':
        assert resumed.model.loss.counts.get_extra_state()[0].sum() == 30
