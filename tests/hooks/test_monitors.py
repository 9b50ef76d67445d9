"""The monitors in training runs of both tasks: what they log, and that they change nothing."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.hooks import Hook
from tiny_training import quick_tools, tool, write_classification, write_training

from ltseg.heads import CosineClassifier
from ltseg.hooks import CollapseMonitor, GradientMonitor
from ltseg.hooks.monitor_log import MonitorLog
from ltseg.registry import HOOKS

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


def hooks(interval: int = 2) -> list[dict]:
    monitors: list[dict[str, Any]] = [
        dict(type='ltseg.CollapseMonitor', interval=interval, samples=64),
        dict(type='ltseg.GradientMonitor', interval=interval),
    ]
    return [dict(type='ltseg.CountClasses'), dict(type='ltseg.ExactResume'), *monitors]


def lines(work_dir: Path, name: str) -> tuple[dict, list[dict]]:
    header, *points = map(json.loads, (work_dir / f'collapse/{name}.jsonl').read_text().splitlines())
    return header, points


def logged(work_dir: Path) -> list[dict]:
    (path,) = work_dir.rglob('scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None, quick: None) -> Path:
    """Work dir of a segmentor that both monitors watched."""
    folder = tmp_path_factory.mktemp('monitors')
    tool('train')([str(write_training(folder, 4, custom_hooks=hooks())), '--seed', '1'])
    return folder / 'work_dirs/training'


def test_figures_and_components_of_pixels_are_logged(trained: Path) -> None:
    header, points = lines(trained, 'gradient_monitor')
    assert [point['iteration'] for point in points] == [2, 4] and len(header['class_names']) == 11
    components = torch.tensor(points[0]['components'])
    assert components.shape == (11, 11) and components.diagonal().tolist() == pytest.approx(points[0]['attraction'])
    assert max(points[0]['repulsion']) > 0
    _, points = lines(trained, 'collapse_monitor')
    assert points[1]['figures']['nc1'] > 0 and len(points[1]['classes']['classifier_norm']) == 11
    seen = [entry for entry in logged(trained) if 'collapse/nc1' in entry]
    assert [entry['step'] for entry in seen] == [2, 4]
    assert seen[1]['collapse/nc3_self_duality'] == pytest.approx(points[1]['figures']['nc3_self_duality'], rel=1e-3)
    gradients = [entry for entry in logged(trained) if any(key.startswith('gradient/attraction/') for key in entry)]
    first, second = header['class_names'][:2]
    assert gradients[0][f'gradient/repulsion/{first}/by/{second}'] == pytest.approx(components[0, 1].item(), rel=1e-3)
    assert not any('loss' in key for entry in (*seen, *gradients) for key in entry)


def test_the_training_is_the_same_without_monitors(trained: Path, tmp_path: Path) -> None:
    config = write_training(tmp_path, 4, custom_hooks=hooks()[:2])
    tool('train')([str(config), '--seed', '1'])
    ours, plain = (
        torch.load(folder / 'iter_4.pth', weights_only=False)['state_dict']
        for folder in (trained, tmp_path / 'work_dirs/training')
    )
    assert all(torch.equal(ours[key], plain[key]) for key in plain if not key.endswith('_extra_state'))


def test_a_resumed_training_goes_on_in_the_same_file(tmp_path: Path) -> None:
    folder = tmp_path / 'work_dirs/training'
    config = write_training(tmp_path, 4, custom_hooks=hooks(1))
    tool('train')([str(config), '--seed', '1'])
    _, whole = lines(folder, 'gradient_monitor')
    (folder / 'iter_4.pth').unlink()
    with (folder / 'collapse/gradient_monitor.jsonl').open('a') as stream:
        stream.write('{"iteration": 5, "at')  # the end of a training run that was killed
    tool('train')([str(config), '--resume'])
    _, points = lines(folder, 'gradient_monitor')
    assert points == whole and [point['iteration'] for point in points] == [1, 2, 3, 4]


class Probe(Hook):
    """Keeps the gradient that the classifier's weight got."""

    seen: list[torch.Tensor]

    def __init__(self) -> None:
        Probe.seen = []

    def before_train(self, runner: Any) -> None:
        runner.model.head.fc.weight.register_hook(Probe.seen.append)


def test_components_of_images_add_up_to_the_gradient_of_the_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = []

    def spied(*arguments: Any, **named: Any) -> Any:
        from ltseg.core.gradient_components import component_norms, gradient_components

        parts.append(sum(part for _, part in gradient_components(*arguments, 11)))
        return component_norms(*arguments, **named)

    monkeypatch.setitem(HOOKS.module_dict, 'Probe', Probe)
    monkeypatch.setattr('ltseg.hooks.gradient_monitor.component_norms', spied)
    custom = [*hooks(1), dict(type='ltseg.Probe')]
    tool('train')([str(write_classification(tmp_path, custom_hooks=custom)), '--seed', '1'])
    assert len(parts) == len(Probe.seen) >= 1
    for ours, theirs in zip(parts, Probe.seen, strict=True):
        torch.testing.assert_close(ours.float(), theirs, rtol=1e-4, atol=1e-6)
    _, points = lines(tmp_path / 'work_dirs/training', 'collapse_monitor')
    assert math.isfinite(points[-1]['figures']['balance_angle'])


def test_a_model_without_a_single_classifier_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_training(tmp_path, 2, custom_hooks=hooks(1))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr('ltseg.heads.classifier_watch.classifier_of', refuse)
        tool('train')([str(config)])
    assert 'CollapseMonitor: ' in (text := capsys.readouterr().err) and 'Leave this hook out' in text
    hinted('Leave this hook out for this model.', text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('ltseg.heads.classifier_watch.classifier_of', refuse)
        tool('train')([str(write_training(tmp_path, 2, custom_hooks=hooks(1)[:2]))])


def refuse(model: Any) -> None:
    raise ValueError('several')


@pytest.mark.parametrize('make', [CollapseMonitor, GradientMonitor])
@pytest.mark.parametrize('interval', [0, 0.5])
def test_an_interval_is_checked(make: Any, interval: float) -> None:
    with pytest.raises(ValueError, match='interval: expected a whole number of at least 1, got'):
        make(interval=interval)


def test_a_new_training_starts_a_new_file(tmp_path: Path) -> None:
    from types import SimpleNamespace

    seen: list = []
    visualizer = SimpleNamespace(add_scalars=lambda values, step: seen.append((values, step)))
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), iter=0, visualizer=visualizer)
    blocked: Any = SimpleNamespace(work_dir=str(tmp_path / 'blocked'), iter=0)
    (tmp_path / 'blocked').write_text('a file')
    hinted('Choose another --work-dir.', lambda: MonitorLog(blocked, 'gradient_monitor', ['a']))
    for _ in range(2):
        log = MonitorLog(runner, 'gradient_monitor', ['a'])
        log.write(runner, {'a': 1.0, 'b': math.nan}, {'c': [math.inf, 1 / 3]})
    assert seen == [({'a': 1.0}, 1)] * 2
    header, points = lines(tmp_path, 'gradient_monitor')
    assert header['class_names'] == ['a'] and points == [{'iteration': 1, 'c': [None, 0.3333]}]


def test_few_samples_of_many_classes_say_nothing_about_features(tmp_path: Path) -> None:
    custom = [*hooks()[:2], dict(type='ltseg.CollapseMonitor', interval=1, samples=8)]
    tool('train')([str(write_training(tmp_path, 2, custom_hooks=custom)), '--seed', '1'])
    _, points = lines(tmp_path / 'work_dirs/training', 'collapse_monitor')
    assert all('nc1' not in point['figures'] and point['figures']['balance_angle'] > 0 for point in points)


def test_the_scale_of_mixed_precision_is_taken_out(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from mmpretrain.structures import DataSample
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.head = nn.Module()
            self.head.fc, self.head.num_classes = nn.Linear(3, 4), 4

        def forward(self, inputs: torch.Tensor, data_samples: list) -> torch.Tensor:
            return nn.functional.cross_entropy(self.head.fc(inputs), torch.tensor([0, 3, 3]))

    points = []
    for scale in (1.0, 1024.0):
        scaler = SimpleNamespace(get_scale=lambda scale=scale: scale)
        runner: Any = SimpleNamespace(work_dir=str(tmp_path), iter=0, model=Model(), train_loop=None)
        runner.optim_wrapper = SimpleNamespace(loss_scaler=scaler)
        runner.visualizer = SimpleNamespace(add_scalars=lambda *_, **__: None)
        hook = GradientMonitor(interval=1)
        hook.before_train(runner)
        hook.before_train_iter(runner, 0)
        samples = [DataSample().set_gt_label(label) for label in (0, 3, 3)]
        (runner.model(inputs=torch.ones(3, 3), data_samples=samples) * scale).backward()
        scaler.get_scale = lambda: 7.0  # the step has changed it
        hook.after_train_iter(runner, 0)
        points += lines(tmp_path, 'gradient_monitor')[1]
    assert points[0] == points[1] and points[0]['attraction'][1] == 0 < points[0]['attraction'][3]


def test_features_are_those_of_the_last_batches_of_each_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from ltseg.core.class_sample import ClassSample

    hook, written = CollapseMonitor(interval=4, batches=2), []

    def take(watch: Any, seed: int) -> ClassSample:
        labels = torch.tensor([0, 1])
        return ClassSample.of(torch.full((2, 1), float(seed)), labels, labels, 100)

    monkeypatch.setattr(
        'ltseg.hooks.collapse_monitor.ClassifierWatch', lambda model: SimpleNamespace(close=lambda: None)
    )
    monkeypatch.setattr(hook, '_take', take)
    monkeypatch.setattr(
        hook, '_write', lambda runner, log, sample: written.append(sorted(sample.rows.flatten().tolist()))
    )
    hook._log = object()  # type: ignore[assignment]
    for iteration in range(8):
        runner: Any = SimpleNamespace(iter=iteration, rank=0, model=torch.nn.Identity())
        hook.before_train_iter(runner, iteration)
        hook.after_train_iter(runner, iteration)
    assert written == [[2, 2, 3, 3], [6, 6, 7, 7]]


def gradient_step(
    folder: Path, classifier: torch.nn.Module, number: int, learns: bool = True
) -> tuple[list[dict], list[dict], Any]:
    """Scalars, points and the model of one step that a ``GradientMonitor`` watched."""
    from types import SimpleNamespace

    from mmpretrain.structures import DataSample

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Module()
            self.head.classifier, self.head.num_classes = classifier.requires_grad_(learns), number

        def forward(self, inputs: torch.Tensor, data_samples: list) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(self.head.classifier(inputs), torch.tensor([0, 1, 1]))

    scalars: list[dict] = []
    runner: Any = SimpleNamespace(work_dir=str(folder), iter=0, model=Model(), train_loop=None)
    runner.optim_wrapper = SimpleNamespace()
    runner.visualizer = SimpleNamespace(add_scalars=lambda values, step: scalars.append(values))
    hook = GradientMonitor(interval=1)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    samples = [DataSample().set_gt_label(label) for label in (0, 1, 1)]
    loss = runner.model(inputs=torch.arange(9.0).view(3, 3), data_samples=samples)
    if learns:
        loss.backward()
    hook.after_train_iter(runner, 0)
    return scalars, lines(folder, 'gradient_monitor')[1], runner.model


@pytest.mark.parametrize(('number', 'each', 'all_of_them'), [(20, True, True), (21, False, True), (201, False, False)])
def test_single_components_are_those_of_few_classes(tmp_path: Path, number: int, each: bool, all_of_them: bool) -> None:
    (scalars,), (point,), _ = gradient_step(tmp_path, torch.nn.Linear(3, number), number)
    assert any('/by/' in name for name in scalars) == each and ('components' in point) == all_of_them
    assert len(point['attraction']) == len(point['repulsion']) == number


def test_a_classifier_that_does_not_learn_has_no_components(tmp_path: Path) -> None:
    assert gradient_step(tmp_path, torch.nn.Linear(3, 4), 4, learns=False)[:2] == ([], [])


def test_components_of_cosines_are_orthogonal_to_the_class_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of all processes."""
    asked = []

    def spied(*arguments: Any, **named: Any) -> Any:
        from ltseg.core.gradient_components import component_norms

        asked.append(named)
        return component_norms(*arguments, **named)

    monkeypatch.setattr('ltseg.hooks.gradient_monitor.component_norms', spied)
    torch.manual_seed(0)
    _, (point,), model = gradient_step(tmp_path, CosineClassifier(3, 4, spatial_dims=0), 4)
    whole = model.head.classifier.weight.grad[2].norm().item()  # class 2 has no sample, only repulsion
    assert point['repulsion'][2] == pytest.approx(whole, rel=1e-3) and asked[0]['sync']
