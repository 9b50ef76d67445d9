"""Fills the table blocks of README.md and docs/*.md from the run records that they name.

Usage::

    python tools/build_docs.py            # writes the documents anew
    python tools/build_docs.py --check    # only says which ones are out of date
"""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.append(str(ROOT / 'tools'))  # behind the rest, because some tools are named as modules of Python

import ltseg.compat  # noqa: E402, F401  isort: skip
from document_tables import documents_in, fill_tables  # noqa: E402

from ltseg.cli.errors import one_message_errors  # noqa: E402
from ltseg.cli.parser import command_parser  # noqa: E402


def outdated(root: Path) -> dict[Path, str]:
    """The documents whose tables differ from the records, with the text that they should have."""
    texts = {path: path.read_text(encoding='utf-8') for path in documents_in(root)}
    filled = {path: fill_tables(text, root) for path, text in texts.items()}
    return {path: text for path, text in filled.items() if text != texts[path]}


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = command_parser(__doc__)
    parser.add_argument('--check', action='store_true', help='write nothing; exit with 1 where a table is out of date')
    options = parser.parse_args(arguments)
    with one_message_errors(OSError):
        changed = outdated(root)
    for path, text in changed.items():
        print(f'{"out of date" if options.check else "written"}: {path.relative_to(root)}')
        if not options.check:
            path.write_text(text, encoding='utf-8')
    return int(options.check and bool(changed))


if __name__ == '__main__':
    sys.exit(main())
