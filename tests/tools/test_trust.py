"""Files of strangers are refused in every command that loads a checkpoint, with the flag that trusts them."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from tiny_training import quick_tools, tool, write_training

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('mmseg_registered', 'quick')]
COMMANDS = {
    'test': lambda config, checkpoint: [config, checkpoint],
    'train': lambda config, checkpoint: [config, '--resume', checkpoint],
    'adjust_logits': lambda config, checkpoint: [config, checkpoint, '--tau', '0', '1'],
    'analyze_collapse': lambda config, checkpoint: [config, checkpoint, '--limit', '1', '--formats'],
    'diagnose': lambda config, checkpoint: [config, checkpoint],
}


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def trained(quick: None, mmseg_registered: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A config, and the work dir of its training run."""
    folder = tmp_path_factory.mktemp('trust')
    config = write_training(folder)
    tool('train')([str(config)])
    return config, folder / 'work_dirs' / 'training'


@pytest.fixture
def sent(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the work dir whose checkpoint makes the folder ``made`` when its pickle is loaded."""
    work_dir = copytree(trained[1], tmp_path / 'sent')
    content = torch.load(work_dir / 'iter_2.pth', weights_only=False)
    content['meta']['greeting'] = Calls(Path.mkdir, tmp_path / 'made', 0o777, True, True)
    torch.save(content, work_dir / 'iter_2.pth')
    return work_dir


def refusal(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit):
        tool(name)([str(each) for each in arguments])
    shown = capsys.readouterr().err
    assert shown.count('error: ') == 1 and 'Traceback' not in shown
    return shown


@pytest.mark.parametrize('name', COMMANDS)
def test_code_in_a_checkpoint_is_run_on_request_only(
    name: str, trained: tuple[Path, Path], sent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*COMMANDS[name](str(trained[0]), str(sent / 'iter_2.pth')), '--work-dir', str(sent)]
    text = refusal(capsys, name, *arguments)
    assert 'iter_2.pth: expected tensors, numbers and text' in text and '--trust-files loads this one' in text
    assert not (sent.parent / 'made').exists()
    tool(name)([*arguments, '--trust-files'])
    assert (sent.parent / 'made').is_dir()


@pytest.mark.parametrize('name', COMMANDS)
def test_a_flipped_bit_is_found(
    name: str, trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, path = bytearray((trained[1] / 'iter_2.pth').read_bytes()), tmp_path / 'iter_2.pth'
    weight = torch.load(trained[1] / 'iter_2.pth', weights_only=False)['state_dict']['decode_head.conv_seg.weight']
    content[content.index(weight.numpy().tobytes()) + 2] ^= 4
    path.write_bytes(content)
    arguments = [*COMMANDS[name](str(trained[0]), str(path)), '--work-dir', str(tmp_path)]
    assert 'wrong checksum' in refusal(capsys, name, *arguments)


def test_images_of_a_sent_work_dir(sent: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(sent), '--images', '1', '--out', str(sent / 'report.html')]
    assert '--trust-files' in refusal(capsys, 'report', *arguments)
    assert not (sent.parent / 'made').exists()
    tool('report')([*arguments, '--trust-files'])
    assert (sent.parent / 'made').is_dir() and 'errors' in (sent / 'report.html').read_text(encoding='utf-8')


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ("type='EncoderDecoder'", "type='os.mkdir', path={made!r}"),
        ("type='PackSegInputs'", "type='pathlib.Path.mkdir', self={made!r}"),
        ("type='EncoderDecoder'", "type='EncoderDecoder', head=dict(head_type='evil.Head')"),
    ],
)
def test_types_that_are_no_types_of_models(
    old: str, new: str, trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """mmengine calls whatever function a type in a config names."""
    work_dir, made = copytree(trained[1], tmp_path / 'sent'), str(tmp_path / 'made')
    (copy,) = work_dir.glob('*/vis_data/config.py')
    text = copy.read_text()
    assert old in text
    copy.write_text(text.replace(old, new.format(made=made)))
    shown = refusal(capsys, 'report', str(work_dir), '--images', '1', '--out', str(tmp_path / 'report.html'))
    assert 'expected types that MMSegmentation, MMPretrain or ltseg has' in shown and '--trust-files' in shown
    assert not Path(made).exists()


@pytest.mark.parametrize(
    ('added', 'refused'),
    [
        ('model = 5', 'model: expected a dict, got 5'),
        ('model = dict(type=5)', "'5'"),
        ("model = dict(type='EncoderDecoder', decode_head=[3])", 'a model that can be built'),
        ('test_dataloader = [1]', 'test_dataloader: expected a dict, got [1]'),
        ('default_scope = 4', 'default_scope: expected a text, got 4'),
        ('optim_wrapper = [1]\ncustom_hooks = 5\ntest_evaluator = 7\nfilename = 3\ntext = []', None),
    ],
)
def test_values_of_any_type_in_a_sent_config(
    added: str, refused: str | None, trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What predictions do not need makes no difference."""
    work_dir, out = copytree(trained[1], tmp_path / 'sent'), tmp_path / 'report.html'
    (copy,) = work_dir.glob('*/vis_data/config.py')
    copy.write_text(f'{copy.read_text()}\n{added}\n')
    arguments = [str(work_dir), '--images', '1', '--out', str(out)]
    if refused is None:
        tool('report')(arguments)
        assert 'errors' in out.read_text(encoding='utf-8')
    else:
        assert refused in refusal(capsys, 'report', *arguments)


def test_the_page_runs_nothing_in_a_work_dir(sent: Path) -> None:
    """Without images, which need the model."""
    (copy,) = sent.glob('*/vis_data/config.py')
    copy.write_text(f'{copy.read_text()}\n__import__("os").mkdir({str(sent.parent / "made")!r})\n')
    tool('report')([str(sent), '--out', str(sent / 'report.html')])
    assert not (sent.parent / 'made').exists()
    assert 'Training loss' in (sent / 'report.html').read_text(encoding='utf-8')
