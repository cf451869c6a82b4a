"""What the bodies and answers of several features share: texts that PostgreSQL can store, keys, pages."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import nh3
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, TypeAdapter

from intowork.kit.pagination import COUNT_LIMIT, PAGE_SIZE

LARGEST_INTEGER = 2**31 - 1
MOST_PER_PAGE = 100

_URL = TypeAdapter(HttpUrl)

Item = TypeVar("Item")


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("no null bytes")
    return text


def _web_address(text: str) -> str:
    url = _URL.validate_python(text)
    if url.username or url.password:
        raise ValueError("no user name or password before the host")
    return str(url)


def _harmless(html: str) -> str:
    clean = nh3.clean(html).strip()
    if not clean:
        raise ValueError("nothing is left of it without scripts and the like")
    return clean


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)]
"""A short text that is not blank."""
LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(_storable)
]
"""A text of several paragraphs."""
RichText = Annotated[LongText, AfterValidator(_harmless)]
"""HTML of several paragraphs, of which what could run in a reader's browser is taken out before it is stored."""
WebAddress = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_web_address),
    Field(json_schema_extra={"format": "uri"}),
]
"""An http or https URL, in its normal form: what a page links to runs no script."""
Amount = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
"""A number of whole currency units, views, years."""
Key = Annotated[int, Path(ge=1, le=LARGEST_INTEGER)]
"""A primary key in a path."""
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before; none for the first")]
PageSize = Annotated[int, Query(ge=1, le=MOST_PER_PAGE, description="most items of the page")]
DEFAULT_PAGE_SIZE = PAGE_SIZE


KEPT: Any = Field(default_factory=lambda: None)
"""The default of a value that a change may leave out, not set to null; only the values that were named are read."""


class Body(BaseModel):
    """A body that a client sends: a name it does not know is an error, not a wish that nobody hears."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What the platform answers, read from rows."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Count(Answer):
    """How many there are."""

    value: int = Field(examples=[1000])
    exact: bool = Field(description=f"false: there are more than {COUNT_LIMIT:,}, and nobody counted on")

    @classmethod
    def of(cls, counted: int) -> Count:
        """Return what a capped count says.

        Args:
            counted: of `capped_count`, one more than the limit where there are more.
        """
        return cls(value=min(counted, COUNT_LIMIT), exact=counted <= COUNT_LIMIT)


class Page(Answer, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: str | None = Field(description="the cursor of the page after this one; null where this is the last")
    count: Count | None = Field(default=None, description="on the first page of lists that are counted")
