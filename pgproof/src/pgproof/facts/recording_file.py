"""Reads a file of `pgproof record`: one JSON document a line, of which the first says what it is.

The lines: `{"pgproof": "recording", "version": 1 ...}`, `{"statement": ID, "text": ...}`, `{"site": ID, "file": ...}`,
`{"loader": NAME, "class": ...}`, `{"run": ID of a statement, "unit": ..., "task": ..., "ms": ...}` for each execution,
`{"fault": ...}` where one could not be recorded, and `{"ended": ..., "code": ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pgproof.errors import PgproofError
from pgproof.facts.amounts import amount
from pgproof.facts.recording import CallSite, Loader, Recording
from pgproof.facts.recording_summary import Execution, Summary
from pgproof.facts.source_line import SourceLine

RECORDING_VERSION = 1
_TEST_FOLDERS = ("tests", "test", "testing")


def read_recording(path: Path) -> Recording:
    """Return what a file of `pgproof record` holds, as far as it is whole.

    Raises:
        PgproofError: it is none, or one of a newer version.
    """
    try:
        with path.open("rb") as file:
            return recording_of(file, str(path))
    except OSError as error:
        raise PgproofError(f"{path} cannot be read: {error.strerror}; make one with pgproof record") from None


def recording_of(lines: Iterable[bytes], name: str) -> Recording:
    """Return what the lines of a recording hold.

    Args:
        lines: each with its end.
        name: of the file, for messages.

    Raises:
        PgproofError: they are none, or of a newer version.
    """
    documents = _documents(lines)
    head = next(documents, None)
    if head is None or head.get("pgproof") != "recording" or not isinstance(head.get("version"), int):
        raise PgproofError(f"{name} is not a recording: make one with pgproof record --output {name} -- COMMAND")
    if head["version"] > RECORDING_VERSION:
        raise PgproofError(
            f"{name} was recorded by a newer pgproof (version {head['version']}): update pgproof to read it"
        )
    texts: dict[str, tuple[str, tuple[str, ...]]] = {}
    sites: dict[str, CallSite] = {}
    loaders: dict[str, Loader] = {}
    summary = Summary()
    from_tests = faults = damaged = 0
    ended = False
    for document in documents:
        match document:
            case {"run": statement, "unit": unit, "task": task, "ms": ms}:
                site = sites.get(document.get("site", ""))
                if statement not in texts:
                    damaged += 1
                elif site is not None and is_test(site.line.file):
                    from_tests += 1
                else:
                    text, types = texts[statement]
                    keys = document.get("keys")
                    summary.add(
                        Execution(
                            text=text,
                            types=types,
                            unit=unit,
                            task=task,
                            milliseconds=ms,
                            rows=document.get("rows"),
                            site=site,
                            keys=tuple(keys.split(" ")) if keys is not None else None,
                            sets=document.get("sets", 1),
                            skipped=document.get("skipped"),
                            loader=loaders.get(document.get("loader", "")),
                            failed="error" in document,
                        )
                    )
            case {"statement": statement, "text": text, "types": types}:
                texts[statement] = (text, tuple(types))
            case {"site": site, "file": file, "line": line, "function": function}:
                sites[site] = CallSite(SourceLine(file, line), function)
            case {"loader": loader, "class": class_name, "attribute": attribute, "collection": collection}:
                loaders[loader] = Loader(class_name, attribute or None, collection)
            case {"fault": _}:
                faults += 1
            case {"ended": _}:
                ended = True
            case _:
                damaged += 1
    incomplete = _incomplete(name, summary.executions, from_tests, ended=ended, missed=faults + damaged)
    return summary.recording(name, head.get("program", ""), from_tests, incomplete)


def is_test(file: str) -> bool:
    """Tell whether a file is test code by its place or its name, as test runners find it and libraries call it."""
    path = Path(file)
    name = path.name
    return (
        any(part in _TEST_FOLDERS for part in path.parts[:-1])
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name in ("conftest.py", "testing.py")
    )


def _documents(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield each line's document; an empty one where a line is damaged, nothing for a last line that was cut off."""
    for line in lines:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            if line.endswith(b"\n"):
                yield {}
            continue
        yield document if isinstance(document, dict) else {}


def _incomplete(name: str, executions: int, from_tests: int, *, ended: bool, missed: int) -> str | None:
    if not ended:
        return (
            f"{name} has no end, so pgproof record was killed or still runs: its first {executions + from_tests} "
            "executions count"
        )
    if from_tests and not executions:
        return (
            f"all {from_tests} executions in {name} were sent by test code itself, which is left out: record tests "
            "that call the application, or the application"
        )
    return f"{amount(missed, 'execution')} could not be recorded in {name}: the others count" if missed else None
