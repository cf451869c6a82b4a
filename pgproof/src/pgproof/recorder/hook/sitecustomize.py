"""Python imports this at its start, since `pgproof record` puts this folder on PYTHONPATH: it begins the recording.

The sitecustomize that would have been imported without it, of the distribution or of the project, follows.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

_HERE = str(Path(__file__).parent)


def _begin() -> None:
    try:
        importlib.import_module("pgproof_capture").begin()
    except Exception as error:
        # The program that is recorded runs whatever happens here.
        sys.stderr.write(f"pgproof: this process is not recorded: {type(error).__name__}: {error}\n")


def _follow() -> None:
    sys.path[:] = [folder for folder in sys.path if folder != _HERE]
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if found is not None and found.loader is not None:
        module = importlib.util.module_from_spec(found)
        sys.modules["sitecustomize"] = module
        found.loader.exec_module(module)


_begin()
_follow()
