"""Checks a config without training: types, arguments, data, and one image of each split through its evaluator.

    ltseg check configs/deeplabv3plus_arb_camvid.py
    ltseg check CONFIG --cfg-options default_hooks.checkpoint.save_best=IoU/car

``ltseg train`` does the same before it trains. Exits with 1 where it finds a fault.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
from collections.abc import Sequence

from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.errors import known_message, one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import calm_warnings, each_warning_once
from ltseg.cli.stage_checks import check_stage
from ltseg.cli.stages import stages_of
from ltseg.core.errors import UsageError


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors():
        config = load_config(options, last_stage=False)
        register_modules(config)
        stages, messages, datasets = stages_of(config), [], BuiltDatasets()
        runs = [*((stage, True) for stage in stages), (stages[-1], False)]
        with each_warning_once():
            for stage, training in runs:
                if stage.get('train_dataloader' if training else 'test_dataloader') is None:
                    continue
                try:
                    check_stage(stage, training, datasets)
                except Exception as error:
                    messages += [line for line in known_message(error).splitlines() if line not in messages]
        if messages:
            raise UsageError('\n'.join(messages))
    print('No fault found.')
