"""Regularizers under ``torch.compile``."""

import pytest
import torch
import torch._dynamo
from mmengine.logging import MessageHub
from regularizers_under_test import REGULARIZERS, batch, built, name_of, value_and_gradients
from torch._dynamo.testing import CompileCounter

SCHEDULED = dict(type='ltseg.PeerToPeerRegularizer', centers='batch', schedule=dict(shape='linear', start=0.3))


@pytest.mark.usefixtures('no_runner')
@pytest.mark.skipif(torch.__version__ < '2.7', reason='compilers before torch 2.7 do not trace contextlib')
@pytest.mark.parametrize('config', [*REGULARIZERS, SCHEDULED], ids=name_of)
def test_every_term_is_compiled_as_a_whole_and_not_anew_for_every_iteration(config: dict) -> None:
    """All but ``step``, and but for terms with a state and a schedule; training goes on meanwhile."""
    torch._dynamo.reset()
    given, counter = batch(dtype=torch.float32), CompileCounter()
    plain, regularizer = built(config), built(config)
    compiled = torch.compile(regularizer, backend=counter, fullgraph=True)
    hub = MessageHub.get_current_instance()
    values = []
    for iteration in range(4):
        for name, value in (('iter', iteration), ('max_iters', 4), ('epoch', iteration), ('max_epochs', 4)):
            hub.update_info(name, value)
        found, expected = (value_and_gradients(function, given) for function in (compiled, plain))
        torch.testing.assert_close(found, expected)
        regularizer.step(), plain.step()
        values.append(found[0].item())
    assert counter.frame_count <= (2 if 'counts' in config else 1)  # the second sees counts that are on the device
    assert len(set(values)) > 1 or 'schedule' not in config or config['schedule'] is None
