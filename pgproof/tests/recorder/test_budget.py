"""The statement budget in a project of somebody else: a pytest of its own, on a real database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

CONFTEST = 'pytest_plugins = ["pgproof.testing"]'
TESTS = """
    import os, threading
    import pytest
    from sqlalchemy import create_engine, text
    from app import Shop

    @pytest.fixture
    def shop():
        engine = create_engine(os.environ["SHOP"])
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            yield Shop(connection)
        engine.dispose()

    @pytest.mark.statement_budget(2)
    def test_marked_within(shop):
        shop.names(2)

    @pytest.mark.statement_budget(max=2)
    def test_marked_beyond(shop):
        shop.names(3)

    @pytest.mark.statement_budget
    def test_marked_without_a_number(shop):
        shop.names(1)

    @pytest.mark.statement_budget(1)
    def test_marked_and_failing_by_itself(shop):
        shop.names(3)
        assert "its own" == "failure"

    def test_part_within(shop, pgproof_statements):
        shop.names(5)
        with pgproof_statements(max=2) as sent:
            shop.names(2)
        shop.names(5)
        assert [each.site.file for each in sent] == ["app.py", "app.py"]

    def test_part_beyond(shop, pgproof_statements):
        with pgproof_statements(max=2):
            shop.names(3)

    def test_other_threads_count(shop, pgproof_statements):
        with pgproof_statements(max=0):
            thread = threading.Thread(target=shop.names, args=(1,))
            thread.start()
            thread.join()
"""
APP = """
    from sqlalchemy import text

    class Shop:
        def __init__(self, connection):
            self.connection = connection

        def names(self, times):
            for number in range(times):
                self.connection.execute(text("SELECT 'secret', :n"), {"n": number})
"""


def test_a_project_holds_its_tests_to_a_budget(tmp_path: Path, embedded_database: str) -> None:
    for name, source in (("conftest.py", CONFTEST), ("test_shop.py", TESTS), ("app.py", APP)):
        (tmp_path / name).write_text(dedent(source).lstrip(), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-rA", "--tb=short"],
        cwd=tmp_path,
        env={**os.environ, "SHOP": embedded_database.replace("postgresql", "postgresql+psycopg", 1)},
        capture_output=True,
        text=True,
        check=False,
    )
    out = ended.stdout
    for passed in ("test_marked_within", "test_part_within"):
        assert f"PASSED test_shop.py::{passed}" in out, out
    for failed in ("test_marked_beyond", "test_part_beyond", "test_other_threads_count"):
        assert f"FAILED test_shop.py::{failed}" in out, out
    assert "3 statements were sent, and the budget is 2:" in out
    assert "  3 x app.py:9 in names: SELECT $2, $1" in out
    assert [line for line in out.splitlines() if " x app.py" in line and "secret" in line] == []
    assert "AssertionError: assert 'its own' == 'failure'" in out
    assert "write @pytest.mark.statement_budget(10)" in out
    assert ended.returncode == 1
