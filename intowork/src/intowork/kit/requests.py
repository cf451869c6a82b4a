"""What every request passes on its way in and out: its id, its size, its log line, and whether the answer is known."""

from __future__ import annotations

import hashlib
import re
import time
import uuid

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intowork.kit.metrics import count
from intowork.kit.problems import TOO_LARGE, Problem, answer

REQUEST_ID = "X-Request-ID"
MOST_BYTES = 2**20
"""Of a body; uploads have a limit of their own."""

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger("intowork.http")


class Requests:
    """ASGI middleware: gives each request an id, refuses a body that is too large, and logs one line."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        read = 0

        async def receive_bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                # Of the framework's own kind, which passes through where it reads the body.
                raise HTTPException(413)
            return message

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if (announced := headers.get("content-length", "")).isdigit() and int(announced) > MOST_BYTES:
                    refusal = answer(Request(scope), Problem(TOO_LARGE, f"A body may have {MOST_BYTES:,} bytes"))
                    await refusal(scope, receive, send_with_id)
                else:
                    await self._app(scope, receive_bounded, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                count(scope, status, seconds)
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=int(status),
                    ms=round(1000 * seconds, 1),
                )


class Conditional:
    """ASGI middleware: gives what GET answers an ETag, and answers 304 to who has it (RFC 9110, section 13)."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def send_tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                if not _is_json(message):
                    await send(message)
                return
            assert start is not None
            if message["type"] != "http.response.body" or not _is_json(start):
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = b"".join(parts)
            tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
            headers = MutableHeaders(scope=start)
            headers["ETag"] = tag
            if tag in _known(Headers(scope=scope).get("if-none-match", "")):
                start["status"] = 304
                del headers["content-length"], headers["content-type"]
                body = b""
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, send_tagged)


def _is_json(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type", "") == "application/json"


def _known(if_none_match: str) -> set[str]:
    """The tags that a client has; weak comparison, as If-None-Match asks for."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
