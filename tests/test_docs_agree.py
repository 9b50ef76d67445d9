"""Every table in README.md and docs/ is what the committed run records give."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLES = runpy.run_path(str(ROOT / 'tools/document_tables.py'))
documents_in, fill_tables = TABLES['documents_in'], TABLES['fill_tables']


def test_tables_agree_with_the_records() -> None:
    texts = {path: path.read_text(encoding='utf-8') for path in documents_in(ROOT)}
    wrong = [str(path.relative_to(ROOT)) for path, text in texts.items() if fill_tables(text, ROOT) != text]
    assert not wrong, f'Run tools/build_docs.py: {wrong}'
