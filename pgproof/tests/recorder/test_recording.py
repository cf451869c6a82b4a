"""What a recording of a real program holds: Core, ORM, sync, async, every driver, threads, processes."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pgproof.facts.recording import Loader, RecordedStatement, Recording

Record = Callable[..., Any]

ORM = """
    from models import *

    def list_authors(session):
        names = []
        for author in session.scalars(select(Author).order_by(Author.id)):
            names += [book.title for book in author.books]
        return names

    def look_up(session):
        for number in range(1, 8):
            session.execute(select(Book.title).where(Book.id == number, Book.title != "secret word")).all()
        session.scalars(select(Author).where(Author.id.in_([1, 2, 3])).options(selectinload(Author.books))).all()

    engine = filled()
    with Session(engine) as session:
        list_authors(session)
    with Session(engine) as session:
        look_up(session)
        session.execute(select(Author).order_by(Author.id).limit(2).offset(4)).all()
        session.execute(update(Author).where(Author.id == 1).values(name="new secret"))
        session.commit()
        session.execute(insert(Book), [{"title": "x", "author_id": 1}] * 20)
        session.rollback()
        try:
            session.execute(text("SELECT 1 / 0 -- a comment with a secret"))
        except Exception:
            pass
"""


def one(recording: Recording, text: str) -> RecordedStatement:
    (found,) = (each for each in recording.statements if text in each.text)
    return found


def place(ran: Any, words: str) -> tuple[str, int]:
    """The file and line of the program that has these words."""
    for file in ("program.py", "models.py"):
        lines = (ran.file.parent / file).read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if words in line:
                return file, number
    raise AssertionError(words)


def test_a_program_with_the_orm(record: Record) -> None:
    ran = record(ORM)
    assert (ran.code, ran.err) == (0, "")
    recording = ran.recording
    assert recording.incomplete is None
    assert recording.program.startswith("python")
    lazy = one(recording, "FROM book WHERE $1::INTEGER = book.author_id")
    assert (lazy.calls, lazy.rows, lazy.most_rows, lazy.failed) == (6, 18, 3, 0)
    assert lazy.total_ms > 0
    assert lazy.parameter_types == ("int",)
    (loop,) = (each for each in recording.loops if each.text == lazy.text)
    assert loop.loader == Loader("Author", "books", collection=True)
    assert (loop.site.line.file, loop.site.line.line) == place(ran, "for book in author.books")
    assert loop.site.function == "list_authors"
    assert (loop.most_runs, loop.units, loop.runs, loop.after_rows) == (6, 1, 6, 6)
    assert loop.after is not None
    assert "FROM author ORDER BY author.id" in loop.after
    by_hand = one(recording, "book.id = $1::INTEGER AND book.title != $2::VARCHAR")
    (loop,) = (each for each in recording.loops if each.text == by_hand.text)
    assert (loop.loader, loop.most_runs) == (None, 7)
    assert (loop.site.line.file, loop.site.line.line) == place(ran, "Book.id == number")
    assert loop.site.function == "look_up"
    assert one(recording, "author.id IN ($1::INTEGER)").rows == 3
    assert one(recording, "book.author_id IN ($1::INTEGER)").rows == 9
    paged = one(recording, "OFFSET $2")
    assert (paged.most_skipped, paged.rows) == (4, 2)
    assert lazy.most_skipped is None
    assert one(recording, "SELECT $1 / $2").failed == 1
    batches = [each for each in recording.statements if each.text.startswith("INSERT INTO book") and each.rows == 20]
    assert [(each.calls, each.most_rows) for each in batches] == [(1, 20)]
    (hot,) = one(recording, "UPDATE author SET name=").hot[1:]
    assert (hot.number, hot.values, hot.most_units, hot.tasks) == (2, 1, 1, 1)


def test_no_value_is_in_the_file_and_nobody_else_may_read_it(record: Record) -> None:
    ran = record(ORM)
    text = ran.file.read_text()
    assert "secret" not in text
    assert "author 1" not in text
    assert stat.S_IMODE(ran.file.stat().st_mode) == 0o600
    head = json.loads(text.splitlines()[0])
    assert (head["pgproof"], head["version"]) == ("recording", 1)
    assert "fault" not in text
    first = record(ORM).file.read_text()
    keys = [{line["keys"] for line in map(json.loads, each.splitlines()) if "keys" in line} for each in (text, first)]
    assert keys[0].isdisjoint(keys[1]), "each recording has digests of its own"


ASYNC = """
    import asyncio, os
    from models import *
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async def one_page(session, number):
        await session.execute(select(Book).where(Book.id == number))
        await session.scalars(select(Author).where(Author.id == number))

    def inside(session):
        return session.scalars(select(func.count()).select_from(Book)).all()

    async def page(engine, number):
        async with AsyncSession(engine) as session:
            for each in range(5):
                await one_page(session, number + each)
            await session.run_sync(inside)
            author = await session.get(Author, 1)
            await session.refresh(author, ["books"])

    async def main():
        engine = create_async_engine(URL.replace("postgresql", "postgresql+DRIVER", 1))
        await asyncio.gather(*(page(engine, number) for number in range(3)))
        async with engine.connect() as connection:
            rows = await connection.stream(select(Book.title))
            assert len([row async for row in rows]) == 18
        await engine.dispose()

    filled().dispose()
    asyncio.run(main())
"""


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_program_with_async_sessions(record: Record, driver: str) -> None:
    if driver == "asyncpg":
        pytest.importorskip("asyncpg", reason="asyncpg is not installed")
    ran = record(ASYNC.replace("DRIVER", driver))
    assert (ran.code, ran.err) == (0, "")
    recording = ran.recording
    read = one(recording, "FROM book WHERE book.id = $1::INTEGER")
    assert (read.calls, read.failed) == (15, 0)
    (loop,) = (each for each in recording.loops if each.text == read.text)
    assert (loop.most_runs, loop.units, loop.runs) == (5, 3, 15)
    assert (loop.site.line.file, loop.site.line.line) == place(ran, "select(Book).where(Book.id == number)")
    assert loop.site.function == "one_page"
    counted = one(recording, "SELECT count(*)")
    assert [site.function for site in counted.sites] == ["inside"]
    tasks = {json.loads(line)["task"] for line in ran.file.read_text().splitlines() if '"task"' in line}
    assert len(tasks) == 5, "three pages, what streams, and the thread that filled the tables"


OTHERS = """
    import threading
    from models import *

    def work(engine, number):
        with Session(engine) as session:
            session.execute(update(Author).where(Author.id == 1).values(name="x"))
            with session.begin_nested():
                for each in range(5):
                    session.get(Book, number * 5 + each + 1)
            session.commit()

    def nested(engine):
        # As tests do it: an outer transaction that is rolled back, and sessions in it.
        with engine.connect() as connection:
            outer = connection.begin()
            for number in range(3):
                with Session(connection, join_transaction_mode="create_savepoint") as session:
                    session.scalars(select(Author).where(Author.id == 2)).all()
                    with Session(engine) as other:
                        other.scalars(select(Author.name).where(Author.id == 3)).all()
                    session.commit()
            outer.rollback()

    engine = filled("DRIVER")
    threads = [threading.Thread(target=work, args=(engine, number)) for number in range(3)]
    for thread in threads[:2]: thread.start()
    for thread in threads[:2]: thread.join()
    # The system gives the identifier of an ended thread to the next one.
    threads[2].start()
    threads[2].join()
    nested(engine)
"""


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_threads_and_nested_sessions(record: Record, driver: str) -> None:
    if driver == "psycopg2":
        pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    ran = record(OTHERS.replace("DRIVER", driver))
    assert (ran.code, ran.err) == (0, "")
    recording = ran.recording
    update = one(recording, "UPDATE author SET name=")
    assert [(hot.number, hot.values, hot.most_units, hot.tasks) for hot in update.hot] == [(1, 1, 3, 3), (2, 1, 3, 3)]
    (loop,) = (each for each in recording.loops if each.site.function == "work")
    assert (loop.most_runs, loop.units) == (5, 3), "a savepoint is part of its transaction"
    repeated = [each.text for each in recording.repetitions if "FROM author" in each.text]
    assert repeated == [], "a session in an outer transaction is a unit of its own"


FORKING = """
    import multiprocessing, sys
    from models import *

    def work(number):
        engine = create_engine(URL.replace("postgresql", "postgresql+psycopg", 1))
        with Session(engine) as session:
            for each in range(4):
                session.scalars(select(Author).where(Author.id == number * 10 + each)).all()

    if __name__ == "__main__":
        filled().dispose()
        context = multiprocessing.get_context(sys.argv[1])
        with context.Pool(2) as pool:
            pool.map(work, range(6))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_a_program(record: Record, method: str) -> None:
    ran = record(FORKING, sys.executable, "program.py", method)
    assert (ran.code, ran.err) == (0, "")
    assert ran.calls("FROM author WHERE author.id = ") == 24
    (loop,) = (each for each in ran.recording.loops if each.site.function == "work")
    assert (loop.most_runs, loop.units, loop.runs) == (4, 6, 24)


PYTEST = """
    import pytest
    from models import *

    @pytest.fixture(scope="session")
    def engine(worker_id):
        return create_engine(URL.replace("postgresql", "postgresql+psycopg", 1))

    @pytest.mark.parametrize("number", range(8))
    def test_names(engine, number):
        from shop import names
        with Session(engine) as session:
            session.execute(text("SELECT 1"))
            names(session, number)
"""
SHOP = """
    from sqlalchemy import select
    from models import Author

    def names(session, number):
        return session.scalars(select(Author.name).where(Author.id == number)).all()
"""


def test_workers_of_pytest_and_what_tests_send_themselves(record: Record, programs: Any) -> None:
    programs.write(SHOP, "shop.py")
    programs.write(PYTEST, "test_names.py")
    record("from models import *; filled()")
    ran = record("", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "test_names.py")
    assert ran.code == 0, ran.out + ran.err
    recording = ran.recording
    assert [(each.calls, each.sites[0].function) for each in recording.statements] == [(8, "names")]
    assert recording.from_tests == 8


CHECK = """
    from models import *

    def add(session, name):
        if session.scalar(select(Author).where(Author.name == name)) is None:
            session.add(Author(name=name))
        session.commit()

    with Session(filled()) as session:
        add(session, "new"); add(session, "newer"); add(session, "author 1")
"""


def test_what_is_read_and_then_inserted(record: Record) -> None:
    recording = record(CHECK).recording
    (handed,) = (each for each in recording.handed if each.insert.startswith("INSERT INTO author"))
    assert "WHERE author.name = $1::VARCHAR" in handed.read
    assert (handed.parameters, handed.empty, handed.one, handed.several, handed.locked) == (((1, 1),), 2, 0, 0, 0)
    assert (handed.site.function, handed.insert_site.function) == ("add", "add")
    assert handed.site.line.line + 2 == handed.insert_site.line.line
