"""The programs in the README's section on plain PyTorch, and the losses without MMSegmentation and MMPretrain."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

ROOT = Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
SECTION = README.partition('## In plain PyTorch\n')[2].partition('\n## ')[0]
PLAIN, SMP, SEGFORMER = re.findall(r'```python\n(.*?)```', SECTION, re.DOTALL)


@pytest.fixture(autouse=True)
def fixed_seed_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def run(program: str) -> dict[str, Any]:
    """The names that a program leaves behind; skips where it imports a package that is not installed."""
    for name in re.findall(r'(?m)^(?:import|from) (\w+)', program):
        if find_spec(name) is None:
            pytest.skip(f'{name} is not installed; with it, this example runs')
    names: dict[str, Any] = {}
    exec(compile(program, 'README.md', 'exec'), names)
    return names


def adjusted(logits: torch.Tensor, labels: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits + counts.log().view(1, -1, 1, 1), labels, ignore_index=255)


def test_plain_pytorch_trains_on_the_counts_of_its_loader() -> None:
    names = run(PLAIN)
    (images, labels), counts = names['loader'][0], names['counts']
    assert counts.tolist() == [int((labels == index).sum()) for index in range(3)]
    model, loss = names['model'], names['loss']
    torch.testing.assert_close(loss(model(images), labels), adjusted(model(images), labels, counts))
    assert model.weight.grad.abs().sum() > 0


def test_segmentation_models_pytorch() -> None:
    names = run(SMP)
    counts = torch.bincount(names['labels'].flatten())
    torch.testing.assert_close(names['value'], adjusted(names['logits'], names['labels'], counts))
    assert all(parameter.grad is not None for parameter in names['model'].parameters())


def test_segformer_of_hugging_face() -> None:
    names = run(SEGFORMER)
    counts = torch.tensor([9000, 900, 100])
    torch.testing.assert_close(names['value'], adjusted(names['logits'], names['labels'], counts))
    assert all(parameter.grad is not None for parameter in names['model'].parameters())


@pytest.mark.slow
def test_losses_need_neither_mmsegmentation_nor_mmpretrain(tmp_path: Path) -> None:
    program = f"""
import sys
for name in ('mmseg', 'mmpretrain', 'mmcv', 'matplotlib', 'torchvision'):
    sys.modules[name] = None  # an import of it fails
{PLAIN}
print(loss.loss_name)
"""
    answer = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, cwd=tmp_path, env={'PYTHONPATH': str(ROOT)}
    )
    assert answer.returncode == 0 and answer.stdout.strip() == 'loss_balanced_softmax', answer.stderr
