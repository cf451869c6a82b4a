from pgproof.examples import ODD, Placed, examined, facts_of, given, placed_examples

__all__ = ["ODD", "Placed", "examined", "facts_of", "given", "placed_examples"]
