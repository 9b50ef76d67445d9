"""What mmengine leaves out where a training run is resumed: the validation behind the checkpoint."""

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

__all__ = ['is_over', 'validation_is_due']


def is_over(runner: Runner) -> bool:
    """Whether nothing is left to train."""
    done, last = _done_and_last(runner)
    return done >= last


def validation_is_due(runner: Runner) -> bool:
    """Whether training validates where the Runner stands.

    mmengine saves a checkpoint before that validation, and goes on behind it after a resume.
    """
    loop = runner.train_loop
    if not runner.iter or not runner.val_loop or not isinstance(loop, IterBasedTrainLoop | EpochBasedTrainLoop):
        return False
    loop._decide_current_val_interval()
    done, last = _done_and_last(runner)
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done >= last)


def _done_and_last(runner: Runner) -> tuple[int, int]:
    loop = runner.train_loop
    return (runner.epoch, loop.max_epochs) if isinstance(loop, EpochBasedTrainLoop) else (runner.iter, loop.max_iters)
