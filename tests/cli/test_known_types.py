"""Types that no registry has are built from files that are trusted only."""

from hinted import hinted

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.known_types import check_known_types


def test_types_of_trusted_files_may_be_any(mmseg_registered: None) -> None:
    config = {'model': {'type': 'EncoderDecoder', 'decode_head': {'type': 'theirs.Head'}}}
    hinted(' imports and calls what it names: only for files that you trust.', lambda: check_known_types(config, 'a'))
    with trusted_files():  # --trust-files
        check_known_types(config, 'a')
