"""report.html in a real browser: at three widths, light and dark, by keyboard, on paper, and without scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from pgproof.report.text import printable

from .conftest import EVERYTHING, Case

pytestmark = pytest.mark.system

WIDTHS = (375, 768, 1280)
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
SEEN = "(each) => each.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})"
"""Whether a reader sees an element; content of a closed one is not seen."""


@dataclass
class Opened:
    """A page, and what happened in its browser since it was opened."""

    page: Page
    events: list[str] = field(default_factory=list)

    def refuse(self, dialog: Dialog) -> None:
        """Write a dialog down, and let the page go on."""
        self.events.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def seen(self, selector: str) -> int:
        """How many elements a reader sees."""
        count: int = self.page.evaluate(f"[...document.querySelectorAll('{selector}')].filter({SEEN}).length")
        return count


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, started once; it ends with this module, since while it runs no test can have an event loop."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed; make system-packages installs it")
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, case: Case, *, width: int = 1280, **options: Any) -> Iterator[Opened]:
    """The page of a report, whose every request, message and dialog is written down."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    shown = Opened(context.new_page())
    address = (case.folder / "report.html").as_uri()
    shown.page.on("console", lambda message: shown.events.append(f"console: {message.text}"))
    shown.page.on("pageerror", lambda error: shown.events.append(f"error: {error}"))
    shown.page.on("dialog", shown.refuse)
    shown.page.on(
        "request", lambda request: shown.events.append(f"request: {request.url}") if request.url != address else None
    )
    shown.page.goto(address)
    try:
        yield shown
    finally:
        context.close()


def serious(page: Page) -> list[str]:
    """What axe finds that keeps people out."""
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html']}" for each in violations if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(width: int, browser: Browser, case: Case) -> None:
    with opened(browser, case, width=width) as shown:
        for step in ("true", OPEN_ALL):
            shown.page.evaluate(step)
            assert shown.page.evaluate("document.documentElement.scrollWidth") == width
        assert shown.events == []


@pytest.mark.parametrize(("width", "scheme"), [(375, "light"), (375, "dark"), (1280, "light")])
def test_axe_finds_nothing_serious(width: int, scheme: str, browser: Browser, proven: Case) -> None:
    """Colours do not depend on the width, and a report with a proof has all that one without has."""
    with opened(browser, proven, width=width, color_scheme=scheme) as shown:
        shown.page.evaluate(OPEN_ALL)
        assert serious(shown.page) == []


@pytest.mark.parametrize("name", ["hostile", "empty", "decided"])
def test_axe_finds_nothing_serious_in_other_reports(name: str, browser: Browser, cases: dict[str, Case]) -> None:
    with opened(browser, cases[name], width=375) as shown:
        shown.page.evaluate(OPEN_ALL)
        assert serious(shown.page) == []


def test_axe_would_find_what_is_wrong(browser: Browser, ordinary: Case) -> None:
    with opened(browser, ordinary) as shown:
        shown.page.evaluate("document.querySelector('label.above').remove()")
        shown.page.evaluate("document.querySelector('h1').style.color = '#eee'")
        assert {each.partition(":")[0] for each in serious(shown.page)} == {"color-contrast", "select-name"}


def test_no_name_acts_in_the_page(browser: Browser, hostile_case: Case) -> None:
    with opened(browser, hostile_case) as shown:
        before = shown.page.evaluate("Object.keys(window).length")
        shown.page.evaluate(OPEN_ALL)
        shown.page.fill("#words", "<script>alert(1)</script>")
        shown.page.wait_for_timeout(100)
        assert shown.page.evaluate("document.title") == " ".join(f"{printable(EVERYTHING)}: audit".split())
        assert shown.page.evaluate("Object.keys(window).length") == before
        assert shown.page.evaluate("document.querySelectorAll('script').length") == 1
        assert shown.events == []
        assert shown.seen(".finding") > 0


def told(shown: Opened) -> str:
    return shown.page.locator("#shown").inner_text()


def test_findings_filter_by_severity_family_and_words_together(browser: Browser, ordinary: Case) -> None:
    findings = ordinary.document.findings
    with opened(browser, ordinary) as shown:
        assert shown.seen(".finding") == len(findings)
        assert told(shown) == f"{len(findings)} findings, worst first"
        shown.page.get_by_label("low").uncheck()
        left = [each for each in findings if each.severity != "low"]
        assert 0 < len(left) < len(findings)
        assert (shown.seen(".finding"), told(shown)) == (
            len(left),
            f"{len(left)} of {len(findings)} findings, worst first",
        )
        shown.page.get_by_label("Family").select_option("integrity")
        left = [each for each in left if each.family == "integrity"]
        assert shown.seen(".finding") == len(left) > 1
        shown.page.get_by_label("Words").fill("ENROLMENTS")
        left = [each for each in left if "enrolments" in each.message]
        assert shown.seen(".finding") == len(left) == 1
        assert told(shown) == f"1 of {len(findings)} findings, worst first"
        shown.page.get_by_label("Words").fill("of which there is nothing")
        assert (shown.seen(".finding"), told(shown)) == (0, "No finding matches: widen the filter")
        shown.page.get_by_label("Words").fill("")
        shown.page.get_by_label("Family").select_option("all")
        shown.page.get_by_label("low").check()
        assert shown.seen(".finding") == len(findings)


def test_a_finding_opens_and_closes_by_the_keyboard_alone(browser: Browser, ordinary: Case) -> None:
    with opened(browser, ordinary) as shown:
        shown.page.keyboard.press("Tab")
        assert shown.page.evaluate("document.activeElement.className") == "skip"
        shown.page.keyboard.press("Enter")
        assert shown.page.evaluate("document.activeElement.id") == "findings"
        closed = shown.page.locator(".finding:not([open]) > summary").first
        finding = closed.locator("..").get_attribute("id")
        for _ in range(100):
            shown.page.keyboard.press("Tab")
            if shown.page.evaluate("document.activeElement.parentElement.id") == finding:
                break
        inside = f"#{finding} > div"
        assert shown.seen(inside) == 0
        shown.page.keyboard.press("Enter")
        assert shown.seen(inside) == 1
        shown.page.keyboard.press("Space")
        assert shown.seen(inside) == 0


def test_without_scripts_all_is_there_and_no_filter_that_does_nothing(browser: Browser, ordinary: Case) -> None:
    with opened(browser, ordinary, java_script_enabled=False) as shown:
        assert not shown.page.locator("#filter").is_visible()
        summaries = shown.page.locator(".finding > summary")
        assert summaries.count() == len(ordinary.document.findings)
        assert all(summaries.nth(number).is_visible() for number in range(summaries.count()))
        last = shown.page.locator(".finding").last
        assert not last.locator("div").first.is_visible()
        last.locator("summary").first.click()
        assert last.locator("div").first.is_visible()
        assert ordinary.document.findings[-1].consequence in last.inner_text()


def test_paper_shows_every_finding_in_full_and_no_control(browser: Browser, ordinary: Case) -> None:
    many = len(ordinary.document.findings)
    with opened(browser, ordinary) as shown:
        assert shown.seen(".finding > div") < many
        shown.page.emulate_media(media="print")
        assert shown.seen(".finding > div") == many
        assert shown.seen("form") == 0
        assert shown.seen("figure details") == 0
        shown.page.set_viewport_size({"width": 680, "height": 960})
        assert shown.page.evaluate("document.documentElement.scrollWidth") == 680
        assert shown.page.pdf(format="A4").startswith(b"%PDF-")


def test_paper_is_light_where_the_screen_is_dark(browser: Browser, ordinary: Case) -> None:
    with opened(browser, ordinary, color_scheme="dark") as shown:
        ground = "getComputedStyle(document.body).backgroundColor"
        assert shown.page.evaluate(ground) == "rgb(18, 22, 27)"
        shown.page.emulate_media(media="print", color_scheme="dark")
        assert shown.page.evaluate(ground) == "rgb(255, 255, 255)"


def test_every_table_is_a_box_and_every_foreign_key_an_arrow(browser: Browser, cases: dict[str, Case]) -> None:
    for name in ("ordinary", "hostile", "cycles"):
        with opened(browser, cases[name]) as shown:
            assert shown.page.locator("svg rect.box").count() == len(cases[name].material.tables)
            assert shown.page.locator("svg path.key").count() == len(cases[name].material.references) > 0


def test_arrows_and_boxes_stay_inside_the_drawing(browser: Browser, cases: dict[str, Case]) -> None:
    outside = """() => {
        const drawing = document.querySelector(".scroll > svg");
        const {width, height} = drawing.viewBox.baseVal;
        return [...drawing.querySelectorAll("g, path.key")].map((each) => {
            const {e: x, f: y} = each.transform.baseVal.consolidate()?.matrix ?? {e: 0, f: 0};
            const box = each.getBBox();
            return [box.x + x, box.y + y, box.x + x + box.width, box.y + y + box.height];
        }).filter(([left, top, right, bottom]) => left < 0 || top < 0 || right > width || bottom > height).length;
    }"""
    for name in ("cycles", "many", "ordinary"):
        with opened(browser, cases[name]) as shown:
            assert shown.page.evaluate(outside) == 0


def test_more_tables_than_anybody_could_see_are_those_with_findings(browser: Browser, cases: dict[str, Case]) -> None:
    with opened(browser, cases["many"]) as shown:
        boxes = shown.page.locator("svg rect.box").count()
        assert len(cases["many"].material.tables) == 70
        assert 0 < boxes <= 60
        assert f"{70 - boxes} tables are left out" in shown.page.locator("main").inner_text()


def test_an_empty_database_has_an_empty_state(browser: Browser, cases: dict[str, Case]) -> None:
    with opened(browser, cases["empty"]) as shown:
        assert "There are no tables." in shown.page.locator("main").inner_text()
        assert shown.page.locator("figcaption").all_inner_texts() == ["Score by category", "Findings by severity"]


def test_a_proof_is_drawn_within_its_charts(browser: Browser, proven: Case, hostile_case: Case) -> None:
    outside = """() => [...document.querySelectorAll(".proof figure svg")].flatMap((drawing) => {
        const {width, height} = drawing.viewBox.baseVal;
        return [...drawing.querySelectorAll("rect, text")].filter((each) => {
            const box = each.getBBox(), {e: x, f: y} = each.parentNode.transform?.baseVal.consolidate()?.matrix
                ?? {e: 0, f: 0};
            return box.x + x < 0 || box.y + y < 0 || box.x + x + box.width > width || box.y + y + box.height > height;
        }).map((each) => each.outerHTML);
    })"""
    for case in (proven, hostile_case):
        with opened(browser, case, width=375) as shown:
            assert shown.page.evaluate(outside) == []
            assert shown.page.locator(".proof rect.was").count() == 7
            assert shown.page.locator(".proof rect.held").count() == 2
            assert shown.page.locator(".proof rect.waited").count() == 1
    with opened(browser, proven) as shown:
        shown.page.emulate_media(media="print")
        assert shown.seen(".proof figure svg") == 4
        assert shown.page.evaluate("document.querySelectorAll('.proof .outcome.good').length") == 7
