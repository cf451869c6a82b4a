"""A client that replaces a data set and writes each step to standard output, to be killed while it does."""

from __future__ import annotations

import sys

from intowork.seed import Scale, load


def main() -> None:
    def progress(step: str, done: int, total: int) -> None:
        sys.stdout.write(f"{step} {done}\n")
        sys.stdout.flush()
        if f"{step} {done}" == sys.argv[2]:
            # The parent kills this process now; it never answers.
            sys.stdin.read()

    load(sys.argv[1], Scale.of_jobs(100), faults=False, seed=2, allow_non_empty=True, progress=progress)


if __name__ == "__main__":
    main()
