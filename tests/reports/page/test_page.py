"""The page is whole, says everything in itself, and takes no user's text for its own."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ltseg.reports.comparison import compare
from ltseg.reports.page.albums import Example
from ltseg.reports.page.examples import Examples
from ltseg.reports.page.page import render_page, write_page
from ltseg.reports.page.pictures import Picture
from ltseg.reports.runs import Run

VOID = {'meta', 'link', 'input', 'img'}


class Outline(HTMLParser):
    """Elements with their attributes; fails where one is closed that is not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope='module')
def page(make_study) -> str:
    picture = Picture('data:image/png;base64,AA==', '<i>title', 'what "is" <seen>')
    examples = Examples([Example('<b>name', 'a & b', [picture], [('<u>', '#112233')])], 'a note')
    return render_page(make_study(seeds=2), '<b>Title</b>', examples)


def test_elements_are_closed_and_names_are_text(page: str) -> None:
    outline = Outline(page)
    assert len(outline.of('script')) == 1  # that of the page; the class with that name is text
    assert not outline.of('b') + outline.of('i') + outline.of('u')
    assert '&lt;script&gt;alert(' in page and '<script>alert' not in page


def test_nothing_comes_from_elsewhere(page: str) -> None:
    outline = Outline(page)
    targets = [value for _, each in outline.elements for key, value in each.items()
               if key in ('src', 'href', 'xlink:href', 'srcset', 'action')]  # fmt: skip
    assert targets and all(value.startswith(('#', 'data:')) for value in targets if value)
    assert not re.search(r'https?://|@import|url\((?!#)', page)
    policy = outline.of('meta')[3]['content']
    assert policy.startswith("default-src 'none'") and "script-src 'sha256-" in policy


def test_ids_are_unique_and_links_have_their_targets(page: str) -> None:
    ids = [attributes['id'] for _, attributes in Outline(page).elements if 'id' in attributes]
    assert len(ids) == len(set(ids))
    assert {each['href'][1:] for each in Outline(page).of('a')} <= set(ids)
    labelled = {each['aria-labelledby'] for each in Outline(page).of('section')}
    assert labelled <= set(ids)


def test_a_screen_reader_gets_everything(page: str) -> None:
    outline = Outline(page)
    assert outline.of('html')[0]['lang'] == 'en'
    assert len(outline.of('table')) == len(outline.of('caption'))
    assert all(each.get('scope') in ('row', 'col') for each in outline.of('th'))
    assert all(each['alt'] for each in outline.of('img'))
    drawn = [each for _, each in outline.elements if each.get('role') == 'img']
    assert len(drawn) >= 10 and all(each['aria-label'] for each in drawn)
    assert all(each.get('aria-hidden') == 'true' for each in outline.of('svg'))


def test_sections_without_anything_to_show_are_left_out(make_study) -> None:
    page = render_page(make_study(seeds=1, methods=1, tau_curve=(), curves={}))
    sections = [each['id'] for each in Outline(page).of('section')]
    assert sections == ['summary', 'classes', 'confusion', 'frequency', 'provenance']
    links = [each['href'][1:] for each in Outline(page).of('a')]
    assert links == ['main', *sections]


def test_classification_has_its_own_rates_and_groups(make_study, as_classification) -> None:
    curves = {'val': [{'iteration': 5, 'accuracy/top1': 90.0, 'accuracy/few': 10.0}]}
    page = render_page(as_classification(make_study(seeds=2, curves=curves, tau_curve=())))
    tables = [each['id'] for each in Outline(page).of('table')]
    assert tables[:3] == ['means', 'classes-accuracy', 'classes-precision']
    assert 'mean of few' in page and 'accuracy/few of the validation' in page and 'IoU' not in page


def test_many_classes_make_a_page_of_bounded_size(page_of_many: str) -> None:
    assert len(page_of_many.encode()) < 3e6
    assert all(f'>class {index} ' in page_of_many for index in range(150))


def test_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_page('<p>é', tmp_path / 'new/a.html')
    assert path.read_text(encoding='utf-8') == '<p>é' and list(path.parent.iterdir()) == [path]


def test_runs_that_are_not_averaged_are_said_to_be_apart(make_study) -> None:
    run = make_study(seeds=1, methods=1).methods[0].runs[0]
    setups = [{'model': {'loss': {'type': kind}}} for kind in ('<A>', '<B>')]
    runs = [Run(replace(run.record, setup=setup, seed=seed), run.path) for seed, setup in enumerate(setups)]
    page = render_page(compare(runs))
    assert 'Not averaged: runs of cross entropy differ in more than their seed (loss.type).' in page
    assert 'cross entropy [loss.type &lt;B&gt;]' in page and '<B>' not in page
