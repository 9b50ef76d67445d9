"""Training in bfloat16 on the CPU."""

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
