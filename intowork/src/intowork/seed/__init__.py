"""Made-up but realistic data sets of three scales, and the loader that fills a database with one.

scale ──> world (relations) ──> tables (lines for COPY) ──> load (one transaction) ──> LoadReport
"""

from intowork.seed.demo_accounts import ADMINISTRATOR_EMAIL, CANDIDATE_EMAIL, DEMO_PASSWORD, EMPLOYER_EMAIL
from intowork.seed.errors import LoadError, UnknownScale
from intowork.seed.faults import NO_FAULTS, PlantedFaults
from intowork.seed.keys import faults_possible
from intowork.seed.load import LoadedTable, LoadReport, Phase, Progress, load
from intowork.seed.scales import SCALES, Scale, scale

__all__ = [
    "ADMINISTRATOR_EMAIL",
    "CANDIDATE_EMAIL",
    "DEMO_PASSWORD",
    "EMPLOYER_EMAIL",
    "NO_FAULTS",
    "SCALES",
    "LoadError",
    "LoadReport",
    "LoadedTable",
    "Phase",
    "PlantedFaults",
    "Progress",
    "Scale",
    "UnknownScale",
    "faults_possible",
    "load",
    "scale",
]
