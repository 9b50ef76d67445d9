"""docs/systems.md against the code, the configs, and the published numbers."""

import ast
import json
import re
import runpy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from registered_types import registered

from ltseg.reports.published import PAPERS

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'mmpretrain_registered')

ROOT = Path(__file__).parents[1]
PAGE = ROOT / 'docs/systems.md'
HEADER = '| system | tables | what stands for it | configs |'
REASON = ('planned: ', 'Not in ltseg: ')
TABLES = {  # of results
    'ARB': '1 2 3 4',
    'BCL': '1 2 3 4 5 6 S1 S2',
    'NCR': '2 3 4 5 6 7',
    'AllNC': 'II III IV V VI VII',
    'LWR': '1 2 3 4',
}
DATASETS = {
    'CIFAR-10': 'cifar10lt100',
    'CIFAR-100': 'cifar100lt100',
    'ImageNet': 'imagenetlt',
    'Places': 'placeslt',
    'iNat': 'inaturalist2018',
    'Cityscapes': 'cityscapes',
}
MODELS = {
    '': 'resnet32',
    'R18': 'resnet18',
    'R50': 'resnet50',
    'R152': 'resnet152',
    'X50': 'resnext50',
    'U-Net': 'unet',
    'DeepLabv3+': 'deeplabv3plus',
}


class System(NamedTuple):
    """A row of the page; ``tables`` as 'ARB 1', ``configs`` by their labels."""

    names: list[str]
    tables: set[str]
    stands: str
    configs: dict[str, Path]


def systems() -> list[System]:
    found = []
    for block in PAGE.read_text(encoding='utf-8').split(HEADER)[1:]:
        for line in block.partition('\n\n')[0].splitlines()[2:]:
            names, tables, stands, configs = (cell.strip() for cell in line.strip('|').split(' | '))
            papers = (entry.partition(' ')[::2] for entry in tables.split('; '))
            named = {f'{paper} {number}' for paper, numbers in papers for number in numbers.split(', ')}
            links = re.findall(r'\[([^]]+)\]\(([^)]+)\)', configs)
            paths = {label: (PAGE.parent / target).resolve() for label, target in links}
            found.append(System(names.split('; '), named, stands, paths))
    return found


def runs_of_papers() -> list[tuple[str, str, str]]:
    """Paper, table (empty on the poster) and method of every published run of the papers on the page."""
    contents = [json.loads(path.read_text(encoding='utf-8')) for path in PAPERS.glob('*.json')]
    return [
        (paper, table['table'].removeprefix('Table '), run['method'])
        for content in contents
        if (paper := content['paper'].removesuffix(' paper')) in TABLES
        for table in content['tables']
        for run in table['runs'].values()
    ]


def test_a_name_belongs_to_one_system() -> None:
    names = [name.lower() for system in systems() for name in system.names]
    assert len(names) > 50 and len(set(names)) == len(names)


def test_tables_are_those_of_the_papers() -> None:
    known = {f'{paper} {number}' for paper, numbers in TABLES.items() for number in numbers.split()}
    assert set().union(*(system.tables for system in systems())) == known


@pytest.mark.parametrize('system', systems(), ids=lambda system: system.names[0])
def test_something_stands_for_a_system_or_a_reason_does(system: System) -> None:
    if system.stands.startswith(REASON):
        assert not system.configs and system.stands.partition(': ')[2]
    else:
        assert system.configs or 'methods.md#' in system.stands


def test_types_exist_and_take_the_options() -> None:
    known: dict[str, Any] = registered()
    for system in systems():
        types = [known[name] for name in re.findall(r'`ltseg\.(\w+)`', system.stands)]
        for option, value in re.findall(r'`(\w+)=([^`]+)`', system.stands):
            types[0](**{option: ast.literal_eval(value)})


@pytest.mark.parametrize('system', systems(), ids=lambda system: system.names[0])
def test_labels_of_configs_are_what_the_files_are(system: System) -> None:
    for label, path in system.configs.items():
        dataset, _, rest = label.removesuffix(' with mixup').partition(' ')
        model, _, method = path.stem.removesuffix(f'_{DATASETS[dataset]}').partition('_')
        assert path.is_file() and path.stem.endswith(f'_{DATASETS[dataset]}') and model == MODELS[rest], label
        assert not label.endswith(' with mixup') or method == 'ce_mixup'


def test_every_config_that_quotes_a_paper_stands_for_a_system_of_it() -> None:
    page = runpy.run_path(str(ROOT / 'tools/build_configs_page.py'))
    linked = {(path, table.split()[0]) for each in systems() for path in each.configs.values() for table in each.tables}
    for path in page['config_files'](ROOT):
        for paper in re.findall(rf'({"|".join(TABLES)}) (?:paper|poster)', page['published'](path)):
            assert (path, paper) in linked, f'{path.name} quotes {paper}'


@pytest.mark.parametrize(('paper', 'table', 'method'), sorted(set(runs_of_papers())))
def test_a_published_run_names_a_system(paper: str, table: str, method: str) -> None:
    name = re.sub(r' (\d+ epochs|\(Table \d+\))$', '', method).lower()
    found = [system for system in systems() if name in map(str.lower, system.names)]
    assert len(found) == 1, f'one system should have {name!r} among its names'
    assert any(each == f'{paper} {table}' or (each.startswith(f'{paper} ') and not table) for each in found[0].tables)
