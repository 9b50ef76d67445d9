"""Lists the configs that come with ltseg.

    ltseg configs
    ltseg configs --method arb --data camvid
    ltseg configs --task classification --model resnext50

--model, --method and --data take words of the file's name and of the header, in upper or lower case. ``ltseg train``
and the other commands take the name of such a config where there is no such file; ``ltseg cp`` copies one.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence

from ltseg.cli.config_catalog import TASKS, CatalogConfig, catalog, words_of
from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.core.checks import near
from ltseg.core.errors import UsageError

__all__ = ['main', 'matching', 'table']


def matching(configs: Sequence[CatalogConfig], filters: Mapping[str, str]) -> list[CatalogConfig]:
    """The configs that have every word of every filter.

    Args:
        configs: To choose from.
        filters: Words by the flag that gave them.

    Raises:
        UsageError: If none is left; names what is near the first filter that no config has.
    """
    for flag, text in filters.items():
        left = [config for config in configs if words_of(text) <= config.words]
        if not left:
            words = sorted({word for config in configs for word in words_of(config.path.stem)})
            before = list(filters)[: list(filters).index(flag)]
            among = f' among those of {" ".join(f"{key} {filters[key]}" for key in before)}' if before else ''
            expected = f'words of a config that comes with ltseg{among}'
            raise UsageError(flag, expected, repr(text), near(text.lower(), words, 3))
        configs = left
    return list(configs)


def table(configs: Sequence[CatalogConfig], width: int | None = None) -> str:
    """One line for each config: file, model, method, data, and what it is.

    Args:
        configs: To list.
        width: Characters that fit in a line; longer ones are cut.
    """
    rows = [('file', 'model', 'method', 'data', 'what it is')]
    rows += [(config.file, config.model, config.method, config.dataset, config.summary) for config in configs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ('  '.join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows)
    return '\n'.join(line if width is None or len(line) <= width else f'{line[: width - 1]}…' for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser(__doc__)
    for name, example in (('model', 'unet'), ('method', 'arb'), ('data', 'camvid')):
        parser.add_argument(f'--{name}', metavar='WORDS', help=f'e.g. {example}')
    parser.add_argument('--task', choices=list(TASKS), help='only configs of this task')
    options = parser.parse_args(arguments)
    with one_message_errors():
        configs = [config for config in catalog() if options.task in (None, config.task)]
        flags = {f'--{name}': getattr(options, name) for name in ('model', 'method', 'data')}
        configs = matching(configs, {flag: text for flag, text in flags.items() if text})
        # A file or a pipe gets whole lines, for grep.
        print(table(configs, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
