"""What recording costs the program that is recorded: the same program with and without it, in turn.

Two processes run the same requests, one of them under `pgproof record`; each round times one request of every kind in
both, in an order that changes, so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from intowork.demo.report import machine
from pgproof.server import running_server

ROUNDS, WARM = 400, 30
RESULTS = Path(__file__).parent / "results"


class Base(DeclarativeBase):
    """Of the tables below."""


class Author(Base):
    """Somebody with books."""

    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    """What is listed, read, and changed."""

    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    pages: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"), index=True)
    author: Mapped[Author] = relationship(back_populates="books")


def read_one(session: Session, number: int) -> None:
    """Read a row by its key, and its parent."""
    book = session.get(Book, number % 3000 + 1)
    assert book is not None
    assert book.author.name


def list_page(session: Session, number: int) -> None:
    """Read a page of rows with their parents, and count."""
    session.scalars(
        select(Book).where(Book.pages > number % 100).order_by(Book.id).limit(20).options(selectinload(Book.author))
    ).all()
    session.scalar(select(func.count()).where(Book.author_id == number % 300 + 1))


def read_lazily(session: Session, number: int) -> None:
    """Read some parents, and the children of each in a statement of its own."""
    for author in session.scalars(select(Author).where(Author.id > number % 290).order_by(Author.id).limit(5)):
        assert author.books


def write(session: Session, number: int) -> None:
    """Insert, change and commit."""
    book = Book(title=f"title {number}", pages=number % 500, author_id=number % 300 + 1)
    session.add(book)
    session.flush()
    book.pages += 1
    session.commit()


KINDS: tuple[Callable[[Session, int], None], ...] = (read_one, list_page, read_lazily, write)


def serve(url: str) -> None:
    """Run one request of every kind for each line of standard input, and answer with the seconds each took.

    Those of the clock come first, then those of the processor in this process, which other programs disturb less.
    """
    engine = create_engine(url)
    for number, _ in enumerate(sys.stdin):
        clock, processor = [], []
        for kind in KINDS:
            start, started = perf_counter(), process_time()
            with Session(engine) as session:
                kind(session, number)
            clock.append(perf_counter() - start)
            processor.append(process_time() - started)
        print(json.dumps(clock + processor), flush=True)


@dataclass(frozen=True)
class Overhead:
    """What recording adds.

    Attributes:
        share: of the time without it: sum of the medians of the paired differences, by the sum of the medians.
        noise: the same between two processes of which neither is recorded.
        kinds: the share for each kind of request.
        milliseconds: of each kind without it, median.
        processor_microseconds: of the processor, added to each statement on average.
        processor_share: of the program's own processor time; what the server works and waits is not in it.
    """

    share: float
    noise: float
    kinds: dict[str, float]
    milliseconds: dict[str, float]
    processor_microseconds: float
    processor_share: float


STATEMENTS = 2 + 3 + 6 + 3
"""Of one request of each kind, without BEGIN and COMMIT."""


def measure() -> Overhead:
    """Measure on a server of our own."""
    with running_server() as server, server.scratch_database() as name, tempfile.TemporaryDirectory() as folder:
        url = name.replace("postgresql", "postgresql+psycopg", 1)
        _fill(url)
        file = Path(folder) / "workload.jsonl"
        with _program(url) as plain, _program(url) as again, _program(url, file) as recorded:
            times = _rounds([plain, again, recorded])
    kinds = [kind.__name__ for kind in KINDS]
    base, added, noise = _medians(times[0]), _added(times[0], times[2]), _added(times[0], times[1])
    clock, processor = slice(len(KINDS)), slice(len(KINDS), None)
    return Overhead(
        share=sum(added[clock]) / sum(base[clock]),
        noise=sum(noise[clock]) / sum(base[clock]),
        kinds={name: part / whole for name, part, whole in zip(kinds, added[clock], base[clock], strict=True)},
        milliseconds={name: 1000 * whole for name, whole in zip(kinds, base[clock], strict=True)},
        processor_microseconds=1e6 * sum(added[processor]) / STATEMENTS,
        processor_share=sum(added[processor]) / sum(base[processor]),
    )


def _fill(url: str) -> None:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            Author(name=f"author {n}", books=[Book(title=f"{n} {m}", pages=m * 10) for m in range(10)])
            for n in range(300)
        )
        session.commit()
    engine.dispose()


Worker = subprocess.Popen[str]


@contextmanager
def _program(url: str, file: Path | None = None) -> Iterator[Worker]:
    command = [sys.executable, "-m", "benchmarks.recorder", url]
    if file is not None:
        command = [
            sys.executable,
            "-c",
            "from pgproof.cli import main; main()",
            "record",
            "--output",
            str(file),
            "--",
            *command,
        ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.communicate()


def _rounds(workers: list[Worker]) -> list[list[list[float]]]:
    """The seconds of each kind, by round, for each worker."""
    times: list[list[list[float]]] = [[] for _ in workers]
    order = list(range(len(workers)))
    chance = random.Random(0)
    for number in range(WARM + ROUNDS):
        chance.shuffle(order)
        for each in order:
            process = workers[each]
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            seconds: list[float] = json.loads(process.stdout.readline())
            if number >= WARM:
                times[each].append(seconds)
    return times


def _added(plain: list[list[float]], other: list[list[float]]) -> list[float]:
    pairs = zip(plain, other, strict=True)
    return _medians([[after - before for before, after in zip(*pair, strict=True)] for pair in pairs])


def _medians(rounds: list[list[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def main() -> None:
    """Measure, print and write results/recorder.json; or with a URL, be the program that is measured."""
    if len(sys.argv) > 1:
        serve(sys.argv[1])
        return
    overhead = measure()
    document = {"machine": machine(), **asdict(overhead), "rounds": ROUNDS}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recorder.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
