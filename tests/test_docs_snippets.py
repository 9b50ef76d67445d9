"""The pages against the code: examples build, defaults are right, links and types exist."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from registered_types import registered

from ltseg import registry
from ltseg.cli.stages import stages_of

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'mmpretrain_registered')

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'docs/methods.md']
OTHERS = ('CONTRIBUTING.md', 'configs/README.md', 'docs/extend.md', 'docs/glossary.md', 'docs/systems.md')
BASES = {  # what an example inherits where it does not say
    'mmseg': ROOT / 'configs/unet_ce_camvid.py',
    'mmpretrain': ROOT / 'configs/classification/resnet32_ce_cifar10lt100.py',
}
OF_SEGMENTATION = ('decode_head', 'LongTailIoU', 'mIoU', 'PastingDataset')
PARTS = ('model', 'custom_hooks', 'stages', 'train_dataloader', 'data_preprocessor', 'val_evaluator', 'default_hooks')
CALL = re.compile(r'`(ltseg\.\w+\([^`]*\))`')


def texts() -> str:
    return '\n'.join(page.read_text(encoding='utf-8') for page in PAGES)


def examples(page: Path) -> Iterator[Any]:
    """The configs in the Python blocks of a page; where a part of a config is set again, another config begins."""
    text = page.read_text(encoding='utf-8')
    for block in re.finditer(r'```python\n(?!import )(.*?)```', text, re.DOTALL):  # others are programs
        base, helpers = None, []
        configs: list[dict[str, str]] = [{}]
        for statement in ast.parse(block[1]).body:
            assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
            name, code = statement.targets[0].id, ast.get_source_segment(block[1], statement) or ''
            if name == '_base_':
                base = ROOT / 'configs' / ast.literal_eval(statement.value)
                continue
            if name not in PARTS:
                helpers.append(code)
                continue
            if name in configs[-1]:
                configs.append({})
            configs[-1][name] = code
        where = f'{page.name}-{text.count(chr(10), 0, block.start()) + 2}'
        for config in configs:
            yield pytest.param('\n'.join([*helpers, *config.values()]), base, id=where)


class Labelled:
    """As much of a data set as samplers need."""

    def get_gt_labels(self) -> list[int]:
        return [0, 0, 0, 0, 1, 1]

    def __len__(self) -> int:
        return 6


@pytest.mark.parametrize(('example', 'base'), [example for page in PAGES for example in examples(page)])
@pytest.mark.filterwarnings('ignore:ETFClassifier')
def test_examples_build(example: str, base: Path | None, tmp_path: Path) -> None:
    if base is not None and 'mask2former' in base.stem:
        pytest.importorskip('mmdet')
    scope = 'mmseg' if any(word in example for word in OF_SEGMENTATION) else 'mmpretrain'
    path = tmp_path / 'example.py'
    inherited = base if base is not None and base.is_file() else BASES[scope]
    path.write_text(f'_base_ = {str(inherited)!r}\n{example}\n')
    config = Config.fromfile(path)
    config.work_dir = str(tmp_path)
    with DefaultScope.overwrite_default_scope(scope):
        for stage in stages_of(config):
            model = {'data_preprocessor': stage.get('data_preprocessor'), **stage.model}
            if 'weights' in model['backbone']:
                model['backbone'] = dict(model['backbone'], weights=None)  # of a file that is not in the repository
            names = [name for name, _ in registry.MODELS.build(model).named_parameters()]
            hooks = [registry.HOOKS.build(hook) for hook in stage.custom_hooks]
            for trained in (name for hook in hooks for name in getattr(hook, 'parameters', ())):
                assert any(f'{name}.'.startswith(f'{trained}.') for name in names), trained
            registry.METRICS.build(stage.val_evaluator)
            if stage.train_dataloader.sampler.type.startswith('ltseg.'):
                registry.DATA_SAMPLERS.build({**stage.train_dataloader.sampler, 'dataset': Labelled()})


def signature(made: Any) -> dict[str, Any]:
    """Arguments of a type with their defaults, through its base classes."""
    found: dict[str, Any] = {}
    for base in made.__mro__:
        if '__init__' in vars(base) and base.__module__.startswith('ltseg'):
            given = inspect.signature(vars(base)['__init__']).parameters.values()
            found = {p.name: p.default for p in given} | found
    return found


def default(made: Any, name: str) -> Any:
    """The default of an argument; of losses as built, because presets change those of the class that they extend."""
    if name in ('counts', 'average', 'momentum') and hasattr(made, 'prepare'):
        return made().counts.mode if name == 'counts' else getattr(made(), name)
    return signature(made)[name]


@pytest.mark.parametrize('call', sorted({' '.join(call.split()) for call in CALL.findall(texts())}))
def test_defaults_are_those_of_the_code(call: str) -> None:
    parsed: Any = ast.parse(call, mode='eval').body
    made = registered()[parsed.func.attr]
    assert not parsed.args and parsed.keywords
    for keyword in parsed.keywords:
        assert default(made, keyword.arg) == ast.literal_eval(keyword.value), keyword.arg


def test_every_type_is_documented_and_exists() -> None:
    named, known = set(re.findall(r'ltseg\.(\w+)', texts())), set(registered())
    assert not known - named, 'types that neither page names'
    assert not {name for name in named if name[0].isupper()} - known, 'types that do not exist'


@pytest.mark.parametrize('page', [*PAGES, *(ROOT / name for name in OTHERS)], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text(encoding='utf-8')):
        if target.startswith(('http://', 'https://')):
            continue
        path, _, anchor = target.partition('#')
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        headings = re.findall(r'(?m)^#+ (.+)$', linked.read_text(encoding='utf-8')) if anchor else []
        assert not anchor or anchor in {re.sub(r'[^\w -]', '', h).lower().replace(' ', '-') for h in headings}, target


def test_glossary_explains_each_term_once_with_a_link() -> None:
    text = (ROOT / 'docs/glossary.md').read_text(encoding='utf-8')
    entries = [paragraph for paragraph in text.split('\n\n') if paragraph.startswith('**')]
    terms = [entry.partition('.**')[0] for entry in entries]
    assert len(entries) > 30 and len(set(terms)) == len(terms)
    for entry in entries:
        assert re.search(r'\]\(\S+\)', entry) and entry.count('\n') < 3, entry


def test_commands_name_files_and_flags_that_exist() -> None:
    shared = (ROOT / 'ltseg/cli/config_files.py').read_text() + (ROOT / 'ltseg/reports/selection.py').read_text()
    for tool, rest in re.findall(r'(tools/\w+\.py)([^\n]*)', texts()):
        source = (ROOT / tool).read_text(encoding='utf-8') + shared
        for module in re.findall(r'from ltseg\.cli\.(\w+) import main', source):
            source += (ROOT / f'ltseg/cli/{module}.py').read_text(encoding='utf-8')
        for flag in re.findall(r'(?<![\w-])--[a-z][a-z-]*', rest):
            assert f"'{flag}'" in source or '{field.name}' in source, f'{tool} {flag}'
    for config in re.findall(r'configs/[\w/]+\.py', texts()):
        assert (ROOT / config).is_file(), config


def test_speed_quotes_the_benchmarks() -> None:
    table = (ROOT / 'docs/benchmarks.md').read_text(encoding='utf-8')
    ratios = [float(ratio) for ratio in re.findall(r'\| (\d\.\d{3}) \|', table)]
    section = PAGES[0].read_text(encoding='utf-8').partition('## Speed')[2].partition('\n## ')[0]
    for quoted in re.findall(r'\b0\.(\d+)\b', section):
        assert f'0.{quoted}' in {f'{ratio:.{len(quoted)}f}' for ratio in ratios}
