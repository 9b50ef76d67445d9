"""Random damage: to values of JSON files and to bytes of any file. The same seed does the same damage."""

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

__all__ = ['mutated_bytes', 'mutated_json']

DEEP = 100_000  # more than any parser's stack holds
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, -1e308,
    float('nan'), float('inf'), '', ' ', 'a', '0', 'None', '../../etc/passwd', '\x00', '\x1b[2J', 'a\nb', '\ud800',
    '$x', '[/b]', '<script>', '|', '{}', 'ü' * 500, 'a' * 10**5, [], {}, [[]], [None], [{}], {'': 0}, {'a': {}},
    [0] * 1000, [[0] * 200] * 200, ['a'] * 20_000,
)  # fmt: skip
KEYS = ('', 'a', 'extra', '__class__', 'kind', 'self', 'evaluation', 'rule', 'iteration', 'tau', '\n')


def mutated_json(content: Any, random: Random) -> str:
    """The JSON text of ``content`` with one to three of its values replaced, removed, repeated or moved."""
    content = deepcopy(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(_places(content))
        if not places:
            break
        # Lists of numbers have most of the places; each depth gets its turn instead.
        depth = random.choice(sorted({depth for depth, _, _ in places}))
        _, holder, key = random.choice([place for place in places if place[0] == depth])
        random.choice(CHANGES)(holder, key, random)
    text = json.dumps(content)
    if random.random() < 0.02:
        return text.replace('0', '[' * DEEP + ']' * DEEP, 1)
    return text


def _places(content: Any, depth: int = 0) -> Iterator[tuple[int, Any, Any]]:
    """Depth, holder and key or index of every value."""
    keys: Any = content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in list(keys):
        yield depth, content, key
        yield from _places(content[key], depth + 1)


def _replace(holder: Any, key: Any, random: Random) -> None:
    holder[key] = deepcopy(random.choice(HOSTILE))


def _remove(holder: Any, key: Any, random: Random) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, random: Random) -> None:
    if isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), deepcopy(holder[key]))
    else:
        holder[random.choice(KEYS)] = deepcopy(holder[key])


def _move(holder: Any, key: Any, random: Random) -> None:
    other = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


def _wrap(holder: Any, key: Any, random: Random) -> None:
    holder[key] = random.choice(([holder[key]], {'a': holder[key]}, str(holder[key])))


def _scale(holder: Any, key: Any, random: Random) -> None:
    value = holder[key]
    if isinstance(value, int | float):
        holder[key] = random.choice((-value, value + 0.5, value * 10**6, value / 3))
    else:
        _replace(holder, key, random)


CHANGES = (_replace, _replace, _replace, _remove, _repeat, _move, _wrap, _scale)


def mutated_bytes(content: bytes, random: Random) -> bytes:
    """The content with a bit flipped, a page zeroed, a part cut off, doubled or overwritten by noise."""
    damaged, at = bytearray(content), random.randrange(max(len(content), 1))
    kind = random.randrange(6) if content else 3
    if kind <= 1:
        damaged[at] ^= 1 << random.randrange(8)
    elif kind == 2:
        damaged[at : at + 4096] = bytes(len(damaged[at : at + 4096]))
    elif kind == 3:
        del damaged[at:]
    elif kind == 4:
        damaged[at:at] = damaged[at : at + random.randrange(1, 500)]
    else:
        damaged[at : at + 16] = random.randbytes(16)
    return bytes(damaged)
