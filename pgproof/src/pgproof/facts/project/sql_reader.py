"""Reads a text of SQL token by token, as PostgreSQL's lexer cuts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.migrations import Relation

_TOKEN = re.compile(
    r"""(?P<gap>\s+)
      | (?P<body>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
      | (?P<string>[eE]'(?:[^'\\]|\\.|'')*' | (?:[bBxX]|[uU]&)?'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<word>[^\W\d][\w$]*)
      | (?P<number>\d[\d.]*)
      | (?P<mark>:: | .)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A piece of a statement: what it is, its text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """As PostgreSQL folds it: lower case unless it is quoted."""
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else self.text.lower()


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, white space left out; comments are no part of it any more."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "tag" else "body"
        if kind is not None and kind != "gap":
            yield Token("body" if match["body"] is not None else kind, match[0], match.start(), match.end())


class Reader:
    """Reads the tokens of a statement from left to right."""

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self.tokens = tuple(tokens(statement))
        self.position = 0

    @property
    def token(self) -> Token | None:
        """The next one; None at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def takes(self, *words: str) -> bool:
        """Go past these words, if they come next in this order."""
        ahead = self.tokens[self.position : self.position + len(words)]
        if [token.text.lower() for token in ahead if token.kind in ("word", "mark")] != list(words):
            return False
        self.position += len(words)
        return True

    def takes_any(self, *words: str) -> str | None:
        """Go past one of these words, if it comes next; return it."""
        return next((word for word in words if self.takes(word)), None)

    def name(self) -> str | None:
        """Go past a name."""
        token = self.token
        if token is None or token.kind not in ("word", "quoted"):
            return None
        self.position += 1
        return token.name

    def relation(self) -> Relation | None:
        """Go past a name with or without a schema."""
        first = self.name()
        if first is None:
            return None
        if not self.takes("."):
            return Relation(None, first)
        second = self.name()
        return Relation(first, second) if second is not None else None

    def relations(self) -> tuple[Relation, ...]:
        """Go past a list of names."""
        found = [self.relation()]
        while self.takes(","):
            found.append(self.relation())
        return tuple(each for each in found if each is not None)

    def parenthesis(self) -> str:
        """Go past an expression in parentheses; return what is in them, empty where none comes next."""
        token = self.token
        if token is None or token.text != "(":
            return ""
        depth, start = 0, token.end
        while (token := self.token) is not None:
            self.position += 1
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return self.statement[start : token.start].strip()
        return self.statement[start:].strip()

    def until(self, *words: str) -> str:
        """Go on to one of these words or a comma outside parentheses, or to the end; return what was passed."""
        start = self.token.start if self.token else len(self.statement)
        end = start
        while (token := self.token) is not None:
            if token.text == "(":
                self.parenthesis()
            elif token.text == "," or (token.kind == "word" and token.text.lower() in words):
                break
            else:
                self.position += 1
            end = self.tokens[self.position - 1].end
        return self.statement[start:end]

    def anywhere(self, word: str) -> bool:
        """Whether a word comes in what is left."""
        return any(token.kind == "word" and token.text.lower() == word for token in self.tokens[self.position :])

    def references(self) -> tuple[Relation, ...]:
        """Return the tables that REFERENCES name in what is left, without going past them."""
        found, position = [], self.position
        for number in range(position, len(self.tokens)):
            if self.tokens[number].text.lower() == "references":
                self.position = number + 1
                found.append(self.relation())
        self.position = position
        return tuple(dict.fromkeys(each for each in found if each is not None))


def names(text: str) -> tuple[str, ...]:
    """Return the plain names of a list of columns; an expression among them has none."""
    reader, found = Reader(text), []
    while reader.token is not None:
        part = Reader(reader.until())
        name = part.name()
        if name is not None and (part.token is None or part.token.kind == "word"):
            found.append(name)
        reader.takes(",")
    return tuple(found)
