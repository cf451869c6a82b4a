"""Does it hold: fingerprints, row hashes, traffic, lock samples, paired timings and kills."""
