"""The counts of a split as every command takes them: without what is ignored there, and kept beside the work dir."""

from typing import Any

from mmengine.config import Config

from ltseg.cli.ignored import counted_label
from ltseg.counts.data_set_counts import count_dataset, counts_folder
from ltseg.counts.table import CountsTable

__all__ = ['count_split']


def count_split(config: Config, split: str, dataset: Any) -> CountsTable:
    """Counts a data set, or takes the table that was kept.

    Args:
        config: Of the run.
        split: 'train', 'val' or 'test'; it decides which label is ignored.
        dataset: Of the split.

    Raises:
        ValueError: If labels cannot be counted.
    """
    folder, ignored = counts_folder(config.work_dir), counted_label(config, split)
    return count_dataset(dataset, folder, show_progress=True, ignore_index=ignored)[0]
