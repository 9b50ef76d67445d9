"""Checks a config without training: types, arguments, data, and one image of each split through its evaluator.

    ltseg check configs/deeplabv3plus_arb_camvid.py
    ltseg check CONFIG --cfg-options default_hooks.checkpoint.save_best=IoU/car

``ltseg train`` does the same before it trains. Exits with 1 where it finds a fault.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
from collections.abc import Sequence

from ltseg.cli.checks import check_config
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.dry_model import dry_model
from ltseg.cli.dry_run import dry_run
from ltseg.cli.errors import known_message, one_message_errors
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.monitored import infer_rules
from ltseg.cli.runner import calm_warnings
from ltseg.cli.stages import stages_of
from ltseg.core.errors import UsageError


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors():
        config = load_config(options, last_stage=False)
        register_modules(config)
        stages, messages = stages_of(config), []
        said: list[str] = []
        for training in (True, False):
            for stage in stages if training else stages[-1:]:
                if stage.get('train_dataloader' if training else 'test_dataloader') is None:
                    continue
                try:
                    said += settle_ignored(stage, training, said)
                    check_config(stage, training)
                    measured = dry_run(stage, training)
                    if training:
                        infer_rules(stage, measured.rules)
                    dry_model(stage, training)
                except Exception as error:
                    messages += [line for line in known_message(error).splitlines() if line not in messages]
        if messages:
            raise UsageError('\n'.join(messages))
    print('No fault found.')
