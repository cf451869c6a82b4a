"""Reproduces one finding: on a scratch copy of its schema, or by filling a pool on a server of our own."""

from __future__ import annotations

from pgproof.audit import Audit
from pgproof.errors import PgproofError
from pgproof.facts.model import Facts
from pgproof.facts.source import ServerSource
from pgproof.proof.copy import schema_copy
from pgproof.reproduce.replay import Reproduction, replay
from pgproof.reproduce.rows import NotReproducedError
from pgproof.reproduce.saturation import Saturated, saturate
from pgproof.rules.counter_examples import Saturation
from pgproof.rules.finding import Finding
from pgproof.server import running_server
from pgproof.settings import ConfigurationError


def reproduce_on_copy(source: ServerSource, facts: Facts, audit: Audit, fingerprint: str) -> Reproduction | Saturated:
    """Return what came of replaying a finding's counter-example.

    Args:
        source: that the schema is copied from; it is only dumped.
        facts: of the source.
        audit: of the facts.
        fingerprint: of the finding, or the first characters of it.

    Raises:
        ConfigurationError: no finding has it, or several have.
        PgproofError: the finding has no counter-example, or what it needs could not be made.
    """
    finding = _find(audit, fingerprint)
    if finding.counter_example is None:
        raise PgproofError(f"{finding.rule} has no counter-example: its evidence is all there is to show")
    if isinstance(finding.counter_example, Saturation):
        return saturate(finding.counter_example)
    with running_server(settings={"fsync": "off"}) as server, schema_copy(source.conninfo, server) as url:
        try:
            return replay(url, facts.catalog, finding.counter_example)
        except NotReproducedError as error:
            raise PgproofError(f"The finding could not be replayed: {error}") from None


def _find(audit: Audit, fingerprint: str) -> Finding:
    every = (*audit.findings, *(each.finding for each in audit.suppressed))
    matching = [finding for finding in every if finding.fingerprint.startswith(fingerprint.lower())]
    if not matching:
        raise ConfigurationError(f"no finding has the fingerprint {fingerprint}: pgproof audit shows them")
    if len(matching) > 1:
        raise ConfigurationError(
            f"{len(matching)} findings have fingerprints that begin with {fingerprint}: give more of it"
        )
    return matching[0]
