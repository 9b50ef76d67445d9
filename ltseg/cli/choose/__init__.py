"""Which loss for these data? Trains many heads on features that a frozen backbone computes once, and compares them.

    ltseg choose configs/segformer-lite0_ce_camvid.py
    ltseg choose CONFIG --minutes 5 --images 100 --methods sqrt arb la
    ltseg choose CONFIG CHECKPOINT --seeds 5

CONFIG is of a segmentor whose backbone has weights, or CHECKPOINT gives them. Features of augmented training images and
of the validation images are kept in WORK_DIR/choose, and so is every run: the command goes on where it was killed. A
method is called better only if its whole curve over post-hoc adjustment lies above that of cross entropy by more than
chance. It ends with a sentence, a table, a page, and a config to train.
"""

from ltseg.cli.choose.command import main

__all__ = ['main']
