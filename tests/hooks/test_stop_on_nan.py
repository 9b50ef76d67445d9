"""A loss that is no number stops the training run, or its batch is left out, and no good checkpoint is lost."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from small_training import Network, training
from tiny_training import quick_tools, tool, write_training
from torch import Tensor, nn

from ltseg.hooks import SkippingOptimWrapper, StopOnNaN

NAN = float('nan')


def runner(iteration: int = 0, max_iters: int = 1000, hooks: tuple = (), wrapper: Any = None) -> Any:
    hub, model = MessageHub('test_stop_on_nan'), nn.Linear(1, 1)
    known = {'hooks': hooks, 'message_hub': hub, 'optim_wrapper': wrapper, 'model': model}
    return SimpleNamespace(iter=iteration, max_iters=max_iters, **known)


def losses(**values: float) -> dict[str, Tensor]:
    return {name.replace('__', '.'): torch.tensor(value) for name, value in values.items()}


def test_says_which_loss_and_when() -> None:
    hook, run = StopOnNaN(), runner(iteration=6)
    run.message_hub.update_info('last_ckpt', 'work_dirs/a/iter_4.pth')
    bad = losses(loss=NAN, decode__loss_ce=0.5, aux__loss_ce=float('-inf'), decode__acc_seg=NAN)
    with pytest.raises(FloatingPointError) as error:
        hook.after_train_iter(run, 6, outputs=bad)
    text = str(error.value)
    assert 'aux.loss_ce is not finite at iteration 7' in text and 'work_dirs/a/iter_4.pth' in text
    assert 'decode' not in text


def test_finite_losses_pass_whatever_the_statistics() -> None:
    hook = StopOnNaN()
    for outputs in (losses(loss=1.0, decode__loss_ce=1.0, decode__acc_seg=NAN), None):
        assert hook.after_train_iter(runner(), 0, outputs=outputs) is None  # it would raise


def test_a_total_that_overflows_is_named() -> None:
    with pytest.raises(FloatingPointError, match='StopOnNaN: loss is not finite at iteration 1. No checkpoint'):
        StopOnNaN().after_train_iter(runner(), 0, outputs=losses(loss=float('inf'), loss_a=1e38))


class Remote(Tensor):
    """A value that seems to be on a GPU."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device('cuda')


def remote(value: float) -> dict[str, Tensor]:
    return {'loss': torch.tensor(value).as_subclass(Remote)}


def test_a_gpu_is_asked_at_the_interval_only() -> None:
    """It says since when the loss is bad; one that was bad in between and is good again has done no harm."""
    hook = StopOnNaN(interval=5)
    for iteration, value in enumerate((NAN, 1.0, NAN, NAN)):
        hook.after_train_iter(runner(iteration), iteration, outputs=remote(value))
    with pytest.raises(FloatingPointError, match='iteration 3'):
        hook.after_train_iter(runner(4), 4, outputs=remote(NAN))
    hook.after_train_iter(runner(9), 9, outputs=remote(1.0))


@pytest.mark.parametrize('skipping', [False, True])
def test_bad_weights_under_a_good_loss_are_not_saved(skipping: bool) -> None:
    """A gradient can be bad where the loss is not."""
    hook, saving = StopOnNaN(), (CheckpointHook(interval=3, by_epoch=False),)
    wrapper = SkippingOptimWrapper(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)) if skipping else None
    run = runner(iteration=1, hooks=saving, wrapper=wrapper)
    run.model.bias.data.fill_(NAN)
    hook.after_train_iter(run, 1, outputs=losses(loss=1.0))
    run.iter = 2
    with pytest.raises(FloatingPointError, match='the weight bias is not finite at iteration 3'):
        hook.after_train_iter(run, 2, outputs=losses(loss=1.0))


@pytest.mark.parametrize('moment', ['checkpoint', 'end', 'validation', 'epoch'])
def test_a_gpu_is_asked_before_anything_is_saved(moment: str) -> None:
    hook = StopOnNaN(interval=1000)
    saving = (CheckpointHook(interval=3, by_epoch=False),) if moment == 'checkpoint' else ()
    run = runner(iteration=2, max_iters=3 if moment == 'end' else 1000, hooks=saving)
    with pytest.raises(FloatingPointError, match='iteration 3'):
        hook.after_train_iter(run, 2, outputs=remote(NAN))
        run.iter += 1  # the loop counts before it validates
        {'validation': hook.before_val, 'epoch': hook.after_train_epoch}[moment](run)


def updated(wrapper: type[OptimWrapper], values: list[float], **options: Any) -> Tensor:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    optim = wrapper(torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9), **options)
    optim.initialize_count_status(layer, 0, len(values))
    for value in values:
        optim.update_params(layer(torch.tensor([[value]])).sum())
    return layer.weight.detach()


def test_skipped_batches_leave_no_trace() -> None:
    assert torch.equal(updated(SkippingOptimWrapper, [1.0, NAN, 2.0]), updated(OptimWrapper, [1.0, 2.0]))
    assert torch.equal(updated(SkippingOptimWrapper, [1.0, float('inf')]), updated(OptimWrapper, [1.0]))
    assert updated(OptimWrapper, [1.0, NAN]).isnan().all()


def test_skipping_with_accumulated_gradients() -> None:
    """Of two batches for each step, the bad one takes those before it along and leaves the others."""
    two = {'accumulative_counts': 2}
    assert torch.equal(
        updated(SkippingOptimWrapper, [1.0, 2.0, 1.0, NAN], **two), updated(OptimWrapper, [1.0, 2.0], **two)
    )


def test_running_statistics_do_not_see_a_skipped_batch() -> None:
    layer = nn.BatchNorm1d(1)
    optim = SkippingOptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1))
    for values in ([[1.0], [2.0]], [[NAN], [1.0]]):
        before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
        with optim.optim_context(layer):
            loss = layer(torch.tensor(values)).sum()
        optim.update_params(loss)
    assert before['num_batches_tracked'] == 1
    assert all(torch.equal(buffer, before[name]) for name, buffer in layer.named_buffers())


def test_the_hook_lets_the_wrapper_skip() -> None:
    wrapper = SkippingOptimWrapper(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1))
    StopOnNaN().after_train_iter(runner(wrapper=wrapper), 0, outputs=losses(loss=NAN))
    with pytest.raises(FloatingPointError, match='SkippingOptimWrapper'):
        StopOnNaN().after_train_iter(runner(), 0, outputs=losses(loss=NAN))
    scaling = object.__new__(AmpOptimWrapper)  # which needs a GPU
    with pytest.raises(FloatingPointError, match=r'look for bad labels\.$'):
        StopOnNaN().after_train_iter(runner(wrapper=scaling), 0, outputs=losses(loss=NAN))


@pytest.mark.slow
def test_training_ends_in_one_message_and_keeps_its_checkpoint(
    tmp_path: Path, mmseg_registered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A learning rate under which weights and then losses overflow from one iteration to the next."""
    config = write_training(tmp_path, 6, optim_wrapper={'optimizer': {'lr': 1e30}})
    with quick_tools(), pytest.raises(SystemExit, match='1'):
        tool('train')([str(config), '--cfg-options', 'default_hooks.checkpoint.interval=1'])
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith('error: StopOnNaN: decode.loss_')
    saved = sorted((tmp_path / 'work_dirs/training').glob('iter_*.pth'))
    assert saved and str(saved[-1]) in message


def test_a_bad_loss_of_another_process_is_skipped_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ltseg.hooks.stop_on_nan.all_reduce', lambda bad: bad.add_(1))
    assert updated(SkippingOptimWrapper, [1.0, 2.0]).item() == 1


def test_a_skipped_batch_counts_among_those_of_its_step() -> None:
    """It is one of the two batches of a step, with a gradient of 0."""
    two = {'accumulative_counts': 2}
    values = [1.0, 1.0, 2.0]
    assert torch.equal(
        updated(SkippingOptimWrapper, [NAN, *values], **two), updated(OptimWrapper, [0.0, *values], **two)
    )


def test_what_the_hint_says_trains(tmp_path: Path) -> None:
    def train(data: dict | None = None, **wrapper: Any) -> nn.Module:
        model = Network()
        steep = {'optimizer': {'type': 'SGD', 'lr': 1e30}}
        run = training(tmp_path, model, {'type': 'ltseg.StopOnNaN'}, epochs=2, optim_wrapper={**steep, **wrapper})
        run._train_dataloader['dataset'][0].update(data or {})
        run.train()
        return model

    calm, bad = {'type': 'SGD', 'lr': 0.1}, {'inputs': torch.full((3,), NAN)}
    hinted('Lower the learning rate, clip gradients, look for bad labels', train)
    hinted('Lower the learning rate, clip gradients, look for bad labels', lambda: train(bad, optimizer=calm))
    for model in (
        train(optimizer=calm),
        train(clip_grad={'max_norm': 1e-30}),
        train(bad, type='ltseg.SkippingOptimWrapper', optimizer=calm),
    ):
        assert all(weight.isfinite().all() for weight in model.parameters())
