"""The configs that come with ltseg: where they are, what they are called, and what their headers say of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ltseg.core.errors import MissingFileError

__all__ = ['TASKS', 'CatalogConfig', 'catalog', 'config_folder', 'find_config', 'words_of']

TASKS = {'segmentation': '.', 'classification': 'classification'}  # with the folder of their configs
VARIANTS = ('full', 'long')  # words behind the data set in names of files
PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / '.mim' / 'configs', PACKAGE.parent / 'configs')  # of an installation, and of a checkout


@dataclass(frozen=True)
class CatalogConfig:
    """A config that comes with ltseg.

    Args:
        file: Its path in the folder of all configs, e.g. 'classification/resnet32_arb_cifar10lt100.py'.
        path: Where it lies.
        task: One of ``TASKS``.
        model, method, dataset: As the name of the file has them: ``<model>_<method>_<dataset>[_<variant>].py``.
        summary: The first line of its header.
    """

    file: str
    path: Path
    task: str
    model: str
    method: str
    dataset: str
    summary: str

    @property
    def words(self) -> set[str]:
        """What a filter can ask for: the words of the file's name and of the first line of its header."""
        return words_of(f'{self.path.stem} {self.summary}')


def words_of(text: str) -> set[str]:
    """The words of a text in lower case; underscores, hyphens and the like are between words."""
    return set(re.findall(r'[a-z0-9]+', text.lower()))


def config_folder() -> Path:
    """The folder of all configs.

    Raises:
        MissingFileError: If ltseg was installed without them.
    """
    for folder in FOLDERS:
        if (folder / '_base_').is_dir():
            return folder
    hint = 'Install ltseg with pip, or start from a checkout.'
    raise MissingFileError('configs of ltseg', f'the folder {FOLDERS[0]}', 'none', hint)


def catalog() -> list[CatalogConfig]:
    """Every config that can be trained, sorted by task and file."""
    root = config_folder()
    found = ((task, path) for task, folder in TASKS.items() for path in sorted((root / folder).glob('*.py')))
    return [_described(task, path, path.relative_to(root).as_posix()) for task, path in found]


def _described(task: str, path: Path, file: str) -> CatalogConfig:
    with path.open(encoding='utf-8') as stream:
        summary = stream.readline().strip('# \n')
    words = path.stem.split('_')
    end = len(words) - (2 if words[-1] in VARIANTS else 1)
    method, dataset = '_'.join(words[1:end]), '_'.join(words[end:])
    return CatalogConfig(file, path, task, words[0], method, dataset, summary)


def find_config(name: str, configs: Iterable[CatalogConfig]) -> CatalogConfig | None:
    """The config with this name, which may lack its folder and its ending; None where there is none."""
    known = {key: config for config in configs for key in (config.file, config.path.name)}
    return known.get(name) or known.get(f'{name}.py')
