"""The page in headless Chromium, at the width of a desktop and of a phone."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from ltseg.reports.comparison import Comparison
from ltseg.reports.page.page import render_page, write_page

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
SIZES = {'desktop': (1280, 900), 'phone': (390, 844)}

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
    if (BROWSER is None or find_spec('playwright') is None) and not os.environ.get('CI'):
        pytest.skip('no Chromium, or no playwright, on this machine: install both, or set CI to make this a failure')
    assert BROWSER is not None, 'CI is set and there is no Chromium; .ci/run installs it'
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, timeout=300_000)
        yield started
        started.close()


@pytest.fixture(scope='module')
def study(make_study) -> Comparison:
    return make_study(seeds=2)


@pytest.fixture(scope='module')
def page(study: Comparison) -> str:
    return render_page(study)


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    width, height = SIZES[request.param]
    return {'width': width, 'height': height}


def opened(browser: Any, page: str, folder: Path, size: dict[str, int], scheme: str = 'light') -> tuple[Any, list[str]]:
    """The page in a tab, and everything that the browser complains of, requests that leave the file among it."""
    tab = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    tab.set_default_timeout(300_000)  # milliseconds: a loaded machine is slow, and not broken
    complaints: list[str] = []
    tab.on('console', lambda message: complaints.append(message.text))
    tab.on('pageerror', lambda error: complaints.append(str(error)))
    tab.on('request', lambda request: complaints.append(request.url) if request.url.startswith('http') else None)
    tab.goto(write_page(page, folder / 'page.html').as_uri())
    return tab, complaints


def first_cells(tab: Any, table: str) -> list[str]:
    return tab.locator(f'[id="{table}"] tbody tr:visible th').evaluate_all('all => all.map((c) => c.firstChild.data)')


def scrolls_sideways(tab: Any) -> bool:
    return tab.evaluate('document.documentElement.scrollWidth > innerWidth')


def test_renders_sorts_and_filters(
    browser: Any, study: Comparison, page: str, tmp_path: Path, size: dict[str, int]
) -> None:
    tab, complaints = opened(browser, page, tmp_path, size)
    assert not scrolls_sideways(tab)
    assert tab.locator('.plot svg').count() >= 10
    assert all(box['width'] > 200 and box['height'] > 100 for box in boxes(tab, '.plot svg'))

    names = [study.reference.class_names[index] for index in study.order]
    heads = tab.locator('[id="classes-IoU"] thead th')
    assert first_cells(tab, 'classes-IoU') == names
    difference = heads.last
    difference.get_by_role('button').click()
    assert difference.get_attribute('aria-sort') == 'descending'
    by_difference = sorted(names, key=lambda name: -study.methods[1].difference(f'IoU/{name}').value)
    assert first_cells(tab, 'classes-IoU') == by_difference != names
    difference.get_by_role('button').press('Enter')  # by keyboard
    assert difference.get_attribute('aria-sort') == 'ascending'
    assert first_cells(tab, 'classes-IoU') == by_difference[::-1]
    heads.first.get_by_role('button').click()
    assert [heads.first.get_attribute('aria-sort'), difference.get_attribute('aria-sort')] == ['ascending', None]
    assert first_cells(tab, 'classes-IoU') == sorted(names, key=str.lower)

    tab.get_by_label('Acc', exact=True).check(force=True)
    assert first_cells(tab, 'classes-IoU') == [] and first_cells(tab, 'classes-Acc') == names
    tab.get_by_label('head', exact=True).uncheck(force=True)
    assert first_cells(tab, 'classes-Acc') == names[1:]
    tab.get_by_role('searchbox').fill('BU')
    assert first_cells(tab, 'classes-Acc') == ['bus']
    assert tab.locator('output').inner_text() == '1 of 4 classes'
    assert complaints == []


def boxes(tab: Any, selector: str) -> list[dict[str, float]]:
    return tab.locator(selector).evaluate_all('all => all.map((e) => e.getBoundingClientRect().toJSON())')


def test_many_classes_are_readable(browser: Any, page_of_many: str, tmp_path: Path, size: dict[str, int]) -> None:
    tab, complaints = opened(browser, page_of_many, tmp_path, size)
    assert not scrolls_sideways(tab)
    heights = sorted(box['height'] for box in boxes(tab, '#differences .tall text'))
    assert heights[len(heights) // 10] >= 9  # pixels of a line of text
    assert tab.locator('#differences .tall').first.evaluate('e => e.scrollHeight > e.clientHeight')
    tab.locator('[id="classes-IoU"] thead button').last.click()
    assert len(first_cells(tab, 'classes-IoU')) == 150
    assert complaints == []


@pytest.fixture(scope='module')
def wide_page(make_large_study) -> str:
    """Six methods on 19 classes, of which ten have an IoU of 0."""
    return render_page(make_large_study(methods=6, classes=19, zeros=10))


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_many_methods_fit_a_phone(browser: Any, wide_page: str, tmp_path: Path, scheme: str) -> None:
    tab, complaints = opened(browser, wide_page, tmp_path, {'width': 360, 'height': 740}, scheme)
    assert not scrolls_sideways(tab)
    tables = tab.locator('.scroll:visible')
    assert tables.count() >= 4
    wide = [each for each in tables.all() if each.evaluate('e => e.scrollWidth > e.clientWidth')]
    assert wide, 'tables of six methods are wider than a phone'
    for table in wide:
        table.evaluate('e => e.scrollLeft = 1e6')
        assert table.evaluate('e => e.scrollLeft') > 0 and not scrolls_sideways(tab)
        # The last column can be seen, and the names of the rows stay beside it.
        last, first = (
            table.locator(f'tbody tr:first-child > :{end}-child').bounding_box() for end in ('last', 'first')
        )
        assert 0 <= first['x'] < 30 and first['x'] + first['width'] <= last['x'] + 1
        assert last['x'] + last['width'] <= 361
    outside = [box for box in boxes(tab, 'h1, h2, h3, p, figure, figcaption, form, dl, nav') if box['right'] > 361]
    assert outside == [] and complaints == []


@pytest.mark.parametrize('width', [360, 1280])
def test_names_of_slopes_are_apart_in_the_fonts_of_a_browser(
    browser: Any, wide_page: str, tmp_path: Path, width: int
) -> None:
    tab, _ = opened(browser, wide_page, tmp_path, {'width': width, 'height': 740})
    plots = tab.locator('#differences figure').filter(has=tab.locator('h3', has_text='IoU: from')).all()
    assert len(plots) == 5
    for plot in plots:
        texts = plot.locator('svg text').evaluate_all('all => all.map((e) => e.getBoundingClientRect().toJSON())')
        picture = plot.locator('svg').bounding_box()
        assert len(texts) == 2 * 19 + 2
        assert all(picture['x'] - 1 <= each['left'] and each['right'] <= picture['x'] + picture['width'] + 1
                   for each in texts)  # fmt: skip
        # Boxes have the height of a line, which letters do not fill.
        assert not any(overlaps(one, other, 0.15 * one['height']) for one, other in combinations(texts, 2))


def overlaps(one: dict[str, float], other: dict[str, float], margin: float) -> bool:
    across = min(one['right'], other['right']) - max(one['left'], other['left'])
    return across > 0 and min(one['bottom'], other['bottom']) - max(one['top'], other['top']) > margin


def test_print_shows_every_rate(browser: Any, page: str, tmp_path: Path) -> None:
    tab, complaints = opened(browser, page, tmp_path, {'width': 1280, 'height': 900})
    tab.emulate_media(media='print')
    assert all(box['height'] > 0 for box in boxes(tab, '#classes table'))
    assert not tab.locator('nav').is_visible()
    assert complaints == []


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_colours_follow_the_scheme_and_have_contrast(browser: Any, page: str, tmp_path: Path, scheme: str) -> None:
    tab, _ = opened(browser, page, tmp_path, {'width': 1280, 'height': 900}, scheme)
    names = ('ink', 'muted', 'accent', 'rise', 'fall', *(f'method-{index}' for index in range(6)))
    look = 'name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()'
    grounds = [luminance(tab.evaluate(look, name)) for name in ('paper', 'tail')]
    assert (grounds[0] > 0.5) == (scheme == 'light')
    for name in names:
        own = luminance(tab.evaluate(look, name))
        for ground in grounds:
            ratio = (max(own, ground) + 0.05) / (min(own, ground) + 0.05)
            assert ratio >= (4.5 if name in ('ink', 'muted') else 3), name
    drawn, written = (tab.locator(part).first.evaluate('e => getComputedStyle(e)[e.ownerSVGElement ? "fill" : "color"]')
                      for part in ('.plot svg text', 'body'))  # fmt: skip
    assert drawn == written  # figures take the colours of the page


def luminance(colour: str) -> float:
    """Relative luminance of '#rrggbb' (WCAG 2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
