"""What may cost time in an ordinary iteration on a GPU, where, how often, and why: the table of tests/device.

A test fails where there is more, and where a row is no longer true. Kinds are those of ``device_events.KINDS``. A row
of 'wait' or 'upload' is a function, and how often the CPU waits in it in one iteration; a row of 'float64' is a file.
The first iteration may wait more often, because rules look at constant counts in it, and every fiftieth too, because
losses look for values that are not finite. Monitors wait when they look, which is every ``interval`` iterations.
"""

from side_by_side import Allowed


def rows(kind: str, why: str, *places: str, times: int = 1) -> Allowed:
    return {(kind, place): (times, why) for place in places}


EXACT_COUNTS = 'numbers of samples and their sums, which are exact in double precision; few numbers'

CROSS_ENTROPY = rows(
    'nondeterministic',
    "PyTorch's cross entropy of maps has no deterministic algorithm on CUDA",
    'backward',
    'core/chunked_cross_entropy.py:forward',
    'core/cross_entropy.py:adjusted_cross_entropy',
)
NORMALISER = rows('float64', EXACT_COUNTS, 'core/reduction.py')
BANDS = rows(
    'float64',
    'sums over bands, one number each',
    'backward',
    'core/banded_upsampling.py',
    'losses/fused.py',
)

SAMPLE_LOSSES: Allowed = {
    **CROSS_ENTROPY,
    **NORMALISER,
    **rows(
        'float64',
        EXACT_COUNTS,
        'core/precision.py',
        'core/shares.py',
        'counts/running_recall.py',
        'counts/running_state.py',
        'losses/dot_regression.py',
        'losses/equalization.py',
        'losses/logit_noise.py',
        'losses/seesaw.py',
        'rules/miss_rate_weighting.py',
        'rules/prior_bias.py',
        'rules/rule.py',
        'rules/weighting.py',
    ),
}

LOSSES: Allowed = {
    **SAMPLE_LOSSES,
    **rows(
        'float64',
        EXACT_COUNTS,
        'core/class_covariances.py',
        'core/distillation.py',
        'core/right_samples.py',
        'counts/label_counts.py',
        'counts/sources.py',
        'losses/lade.py',
        'losses/multiple_experts.py',
        'rules/label_smoothing.py',
    ),
}
HEADS: Allowed = {
    **SAMPLE_LOSSES,
    **BANDS,
    **rows('float64', 'sums over bands, one number each', 'core/fused_regions.py'),
    **rows('float64', EXACT_COUNTS, 'regularizers/residual_branches.py'),
}
REGULARIZERS: Allowed = {
    **NORMALISER,
    **rows('wait', "SciPy's assignment runs on the CPU", 'regularizers/targeted_contrastive.py:step'),
    **rows(
        'float64',
        EXACT_COUNTS,
        'core/precision.py',
        'counts/running_state.py',
        'counts/sources.py',
        'regularizers/center_collapse.py',
        'regularizers/distributional_robustness.py',
        'regularizers/memory_jitter.py',
        'regularizers/parametric_contrastive.py',
    ),
}
KEPT = 'labels, predictions and confidences are kept on the CPU, and go there in one table'
METRICS: Allowed = {
    **rows('wait', KEPT, 'metrics/long_tail_accuracy.py:_columns'),
    **rows('float64', KEPT, 'core/precision.py', 'metrics/long_tail_accuracy.py'),
}
MODELS: Allowed = {
    **rows('nondeterministic', 'bilinear upsampling of UNetNeck has no deterministic backward on CUDA', 'backward'),
    **NORMALISER,
    **rows('float64', EXACT_COUNTS, 'models/global_local_mixture.py', 'models/remix.py'),
}
TRAINING: Allowed = {
    **NORMALISER,
    **BANDS,
    **rows(
        'float64',
        EXACT_COUNTS,
        'core/class_covariances.py',
        'core/distillation.py',
        'core/precision.py',
        'counts/running_recall.py',
        'losses/multiple_experts.py',
        'rules/miss_rate_weighting.py',
        'rules/rule.py',
    ),
    **rows('wait', 'SkippingOptimWrapper looks at every loss before the step', 'hooks/stop_on_nan.py:update_params'),
}
