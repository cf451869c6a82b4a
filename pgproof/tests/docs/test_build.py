"""The documentation builds without a warning, shows all there is, leads nowhere wrong and needs no network."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer

from pgproof.commands.app import app
from pgproof.commands.grants import GRANTS
from pgproof.report.document import adapter
from pgproof.rules.discovery import all_rules
from pgproof.settings import Options, Suppress

from .written import DOCS, PAGES, ROOT

GENERATED = "_generated"


@dataclass
class Page(HTMLParser):
    """What a built page holds.

    Attributes:
        text: without markup.
        anchors: that a link may lead to.
        links: of anchors.
        loaded: what a browser fetches with the page.
    """

    text: str = ""
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("link", "script", "img", "iframe", "source"):
            self.loaded += [found[name] for name in ("href", "src", "srcset") if found.get(name)]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages, of a copy: a build writes the generated pages beside the written ones."""
    folder = tmp_path_factory.mktemp("documentation")
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("_build", GENERATED, "__pycache__"))
    ran = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", "html"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Every built page by its path."""
    found = {}
    for file in sorted(site.rglob("*.html")):
        page = found[str(file.relative_to(site))] = Page()
        page.feed(file.read_text(encoding="utf-8"))
    return found


def plain(help_text: str) -> str:
    """Help in one line, without the marks of code."""
    return " ".join(help_text.replace("`", "").split())


def test_every_written_page_is_built(pages: dict[str, Page]) -> None:
    assert {page.replace(".md", ".html") for page in PAGES} <= set(pages)


def test_every_rule_has_a_page_with_all_that_its_file_says(pages: dict[str, Page]) -> None:
    index = pages[f"{GENERATED}/rules/index.html"]
    assert {link for link in index.links if re.fullmatch(r"[A-Z]{3}\d\d\.html", link)} == {
        f"{rule.code}.html" for rule in all_rules()
    }
    for rule in all_rules():
        text = " ".join(pages[f"{GENERATED}/rules/{rule.code}.html"].text.split())
        assert rule.metadata.slug in text
        # Backticks are markup, and quotes and dashes are set by the typesetter.
        for word in set(re.findall(r"\w{3,}", rule.doc)):
            assert word in text, (rule.code, word)
        for example in (*rule.bad, *rule.good):
            assert example.name[1:] in text, (rule.code, example.name)
            source = "".join((example.sql, example.models, example.engine, *example.scripts, example.recording))
            for word in set(re.findall(r"\w{3,}", source)):
                assert word in text, (rule.code, example.name, word)


def test_every_command_and_option_is_there_with_its_help(pages: dict[str, Page]) -> None:
    page = pages[f"{GENERATED}/commands.html"]
    text = " ".join(page.text.split())
    for name, command in typer.main.get_group(app).commands.items():
        assert f"pgproof-{name}" in page.anchors
        assert plain(command.help or "") in text
        for option in command.params:
            assert plain(getattr(option, "help", None) or "") in text, (name, option.name)
            for spelling in option.opts if option.param_type_name == "option" else ():
                assert spelling in text, (name, spelling)


def test_every_option_of_the_configuration_is_there(pages: dict[str, Page]) -> None:
    page = pages[f"{GENERATED}/options.html"]
    for name, option in Options.model_fields.items():
        key = (option.alias or name).replace("_", "-")
        assert key in page.text
        assert key == "suppress" or f"PGPROOF_{key.replace('-', '_').upper()}" in page.text
    for name in Suppress.model_fields:
        assert name in page.text


def test_every_key_of_findings_json_is_there(pages: dict[str, Page]) -> None:
    schema = adapter().json_schema(mode="serialization")
    for definition in (schema, *schema["$defs"].values()):
        for key in definition.get("properties", {}):
            assert key in pages[f"{GENERATED}/findings.html"].text


def test_the_grants_are_those_of_the_command(pages: dict[str, Page]) -> None:
    assert GRANTS.strip() in pages["rights.html"].text


def test_every_link_between_pages_leads_somewhere(pages: dict[str, Page], site: Path) -> None:
    for name, page in pages.items():
        for link in page.links:
            target = urlsplit(html.unescape(link))
            if target.scheme or target.netloc:
                continue
            file = (site / name).parent / unquote(target.path) if target.path else site / name
            file = file.resolve()
            assert file.is_file(), f"{name} links to {link}"
            other = pages.get(str(file.relative_to(site.resolve())))
            if target.fragment and other is not None:
                assert unquote(target.fragment) in other.anchors, f"{name} links to {link}"


def test_a_browser_fetches_nothing_from_elsewhere(pages: dict[str, Page], site: Path) -> None:
    for name, page in pages.items():
        for loaded in page.loaded:
            assert not urlsplit(loaded).netloc, f"{name} loads {loaded}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


def test_nothing_of_the_machine_that_built_it_is_told(pages: dict[str, Page], site: Path) -> None:
    own = [str(ROOT), str(site.parent), str(Path.home()) + "/", sys.prefix]
    for name, page in pages.items():
        for path in own:
            assert path not in page.text, name
