"""Training in bfloat16 on the CPU."""

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from ltseg.hooks import AutocastOptimWrapper
from ltseg.losses import ARBLoss
from ltseg.registry import OPTIM_WRAPPERS


class Model(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.arb = nn.Linear(4, 3), ARBLoss()
        self.seen: list[torch.dtype] = []

    def forward(self, inputs: torch.Tensor, data_samples: torch.Tensor, mode: str) -> dict:
        logits = self.fc(inputs)
        loss = self.arb(logits, data_samples)
        self.seen += [logits.dtype, loss.dtype]
        return {'loss': loss}


def test_forward_in_bfloat16_and_weights_in_float32() -> None:
    torch.manual_seed(0)
    model = Model()
    before = model.fc.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = OPTIM_WRAPPERS.build(dict(type='ltseg.AutocastOptimWrapper', optimizer=optimizer))
    assert isinstance(wrapper, AutocastOptimWrapper)
    data = {'inputs': torch.randn(6, 4), 'data_samples': torch.tensor([0, 1, 2, 0, 0, 1])}
    values = [model.train_step(data, wrapper)['loss'].item() for _ in range(20)]
    assert model.seen[:2] == [torch.bfloat16, torch.float32]
    assert model.fc.weight.dtype == torch.float32 and not torch.equal(model.fc.weight, before)
    assert values[-1] < values[0]
    assert model.fc(torch.zeros(1, 4)).dtype == torch.float32  # outside of the step


@pytest.mark.parametrize('channels_last', [True, False])
def test_memory_format_of_convolutions(channels_last: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3))
    images = torch.randn(2, 3, 8, 8)
    before = model(images)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = AutocastOptimWrapper(optimizer=optimizer, channels_last=channels_last)
    with wrapper.optim_context(model):
        maps = model(images)
    assert maps.dtype == torch.bfloat16 and maps.shape == before.shape
    assert maps.is_contiguous(memory_format=torch.channels_last) == channels_last
    torch.testing.assert_close(maps.float(), before, atol=0.03, rtol=0.03)
