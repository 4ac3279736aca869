"""The dictionary page: every word of the warehouse, each with an anchor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made.small import make_project
from pages import HOSTILE, Page, open_site

from etl.site import dictionary as page
from etl.site.page import Site
from etl.warehouse import dictionary

VIEW = f"""-- What it says: {HOSTILE}
-- grain: one row
-- columns:
--   n: A number {HOSTILE} [{{}}]
select count(*) as n from masks, inputs.splits
"""
BROKEN = (
    "-- What it says.\n-- grain: one row\n-- columns:\n--   n: A number\nselect no_such from masks"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = make_project(tmp_path_factory.mktemp("words") / "project")
    (root / "sql/views/hostile.sql").write_text(VIEW)
    (root / "sql/views/broken.sql").write_text(BROKEN)
    with pytest.warns(UserWarning, match=r"broken\.sql"), open_site(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def words(site: Site) -> Page:
    (file,) = page.make_pages(site)
    assert file.path == "dictionary.html"
    return Page(file.content)


def test_every_relation_and_column_has_its_place(site: Site, words: Page) -> None:
    ids = {*words.list_values("id")}
    relations = dictionary.list_relations(site.connection)
    for relation in relations:
        name = relation.plain_name
        facts = dictionary.list_facts(site.connection, relation)
        assert {name, *(f"{name}({p})" for p in relation.parameters)} <= ids
        assert {f"{name}.{fact.name}" for fact in facts[len(relation.parameters) :]} <= ids
    assert {"masks.volume_cm3", "inputs.splits.fold", "enhancing_volume(pe_min)"} <= ids
    assert not words.repeated_ids
    assert not words.lost_links


def test_an_entry_says_unit_key_rows_and_readers(site: Site, words: Page) -> None:
    n_masks = len(site.connection.execute("from masks").fetchall())
    entry = words.html.partition('id="masks"')[2].partition("</section>")[0]
    assert f"Key: <code>case_id</code>, <code>mask</code>. {n_masks} rows." in " ".join(
        entry.split()
    )
    volume = entry.partition('id="masks.volume_cm3"')[2].partition("</tr>")[0]
    assert "<td>cm3</td>" in volume
    readers = entry.partition("Read by")[2].partition("</p>")[0]
    assert 'href="#label_summary"' in readers
    assert 'href="#hostile"' in readers


def test_what_a_view_says_stays_text(words: Page) -> None:
    assert f"What it says: {HOSTILE}" in words.text
    assert "img" not in {tag for tag, _ in words.tags}


def test_the_same_bytes_twice(site: Site, words: Page) -> None:
    (again,) = page.make_pages(site)
    assert again.content.decode() == words.html


def test_a_broken_view_is_said(words: Page) -> None:
    assert "Broken: sql/views/broken.sql is broken: " in words.text
