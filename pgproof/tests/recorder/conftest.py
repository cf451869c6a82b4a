"""Programs of somebody else's, recorded by the real command on a real database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from pgproof.facts.recording import Recording
from pgproof.facts.recording_file import read_recording

PGPROOF = (sys.executable, "-c", "from pgproof.cli import main; main()")
MODELS = """
    import os
    from sqlalchemy import ForeignKey, create_engine, delete, func, insert, select, text, update
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

    class Base(DeclarativeBase): pass

    class Author(Base):
        __tablename__ = "author"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        books: Mapped[list["Book"]] = relationship(back_populates="author")

    class Book(Base):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
        author: Mapped[Author] = relationship(back_populates="books")

    URL = os.environ["SHOP"]

    def filled(driver="psycopg"):
        engine = create_engine(URL.replace("postgresql", "postgresql+" + driver, 1))
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all(
                Author(name=f"author {n}", books=[Book(title=f"{n}.{m}") for m in range(3)]) for n in range(6)
            )
            session.commit()
        return engine
"""


@dataclass(frozen=True)
class Ran:
    """How a recorded program ended, and what was recorded."""

    code: int
    out: str
    err: str
    file: Path

    @property
    def recording(self) -> Recording:
        return read_recording(self.file)

    def calls(self, text: str) -> int:
        """How often statements with these words ran."""
        return sum(each.calls for each in self.recording.statements if text in each.text)


@dataclass(frozen=True)
class Programs:
    """A folder with a program and its models."""

    folder: Path
    url: str

    def environment(self) -> dict[str, str]:
        return {**os.environ, "SHOP": self.url}

    def write(self, source: str, name: str = "program.py") -> Path:
        (self.folder / "models.py").write_text(dedent(MODELS).lstrip(), encoding="utf-8")
        path = self.folder / name
        path.write_text(dedent(source).lstrip(), encoding="utf-8")
        return path

    def record(self, source: str, *command: str) -> Ran:
        """Record a program, or a command in its folder."""
        self.write(source)
        file = self.folder / "workload.jsonl"
        ended = subprocess.run(
            [*PGPROOF, "record", "--output", file, "--", *(command or (sys.executable, "program.py"))],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr, file)


@pytest.fixture
def programs(tmp_path: Path, embedded_database: str) -> Programs:
    return Programs(tmp_path, embedded_database)


Record = Callable[..., Ran]


@pytest.fixture
def record(programs: Programs) -> Record:
    """Records a program whose source is given, and returns what came of it."""
    return programs.record
