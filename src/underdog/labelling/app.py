"""The label page's server: what to show next, what was said of it, and where the labels stand.

Only this machine's browser may ask, and only one that was given the session's token: a page of another site
can neither read what is shown nor give a label. Which arm stands on which side is never sent. It opens no
port; `serving.py` does, and tests may."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underdog.errors import StudyError
from underdog.labelling.book import Book, Label
from underdog.labelling.order import uniform
from underdog.labelling.pairs import Pair
from underdog.labelling.showing import shown_pair, shown_standing
from underdog.labelling.standing import next_pair, standing

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
TOKEN_HEADER = "x-underdog-token"
MOST_BYTES = 16_384

_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_SIDES = ("left", "right")


@dataclass(frozen=True)
class Said:
    """What the page posts: of which item, and left, right, both, neither or skip."""

    item: str
    choice: str


class Refused(Exception):
    """A request that is answered with this status and sentence, and changes nothing."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def create_app(book: Book, token: str) -> Starlette:
    """The page and its three calls, for one contest and one session."""
    desk = Desk(book)
    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/next", desk.next),
            Route("/api/label", desk.label, methods=["POST"]),
            Route("/api/undo", desk.undo, methods=["POST"]),
        ],
        middleware=[Middleware(Doorkeeper, token=token)],
        exception_handlers={Refused: _refused, StudyError: _refused},
    )


async def page(http: Request) -> Response:
    """The page itself: no data, no token. Its one script carries a nonce, and nothing else runs."""
    nonce = secrets.token_urlsafe(16)
    text = files("underdog.labelling").joinpath("page.html").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text.replace("{{nonce}}", nonce), headers={"content-security-policy": policy})


class Desk:
    """The calls of the page. The book is read anew for each, so several people may label at once."""

    def __init__(self, book: Book) -> None:
        self.book, self.contest = book, book.contest

    async def next(self, http: Request) -> Response:
        """GET /api/next: the pair to show and the standing."""
        return self._state()

    async def label(self, http: Request) -> Response:
        """POST /api/label: one label; answers as `next` does."""
        try:
            said = msgspec.json.decode(await _body(http), type=Said)
        except msgspec.MsgspecError as error:
            raise Refused(400, f"a label must be JSON with item and choice; {error}") from None
        pair = self.contest.pair_of.get(said.item)
        if pair is None or pair.failed or not pair.weight:
            raise Refused(404, f"no disagreement is called {said.item!r}")
        self.book.add(pair, label_of(pair, said.choice, self.contest.seed))
        return self._state()

    async def undo(self, http: Request) -> Response:
        """POST /api/undo: take the last label back and show its pair again."""
        last = self.book.labels().last
        if last is None:
            raise Refused(409, "there is no label to take back")
        self.book.add(self.contest.pair_of[last], Label.UNDONE)
        return self._state(self.contest.pair_of[last])

    def _state(self, pair: Pair | None = None) -> Response:
        labels = self.book.labels()
        pair = pair or next_pair(self.contest, labels.by_item)
        now = standing(self.contest, labels.by_item)
        shown = None if pair is None else shown_pair(pair, left_is_arm(pair, self.contest.seed))
        return JSONResponse({"pair": shown, "standing": shown_standing(now, self.contest, labels)})


def left_is_arm(pair: Pair, seed: str) -> bool:
    """On which side the arm stands: by lot, the same whenever the pair is shown."""
    return uniform(seed, "side", pair.item) < 0.5


def label_of(pair: Pair, choice: str, seed: str) -> Label:
    """What a choice of the page says of the arm.

    Raises:
        Refused: no such choice, or one that calls an unread answer right.
    """
    if choice in _SIDES:
        label = Label.BETTER if (choice == "left") == left_is_arm(pair, seed) else Label.WORSE
    elif choice in (Label.BOTH, Label.NEITHER, Label.SKIP):
        label = Label(choice)
    else:
        raise Refused(400, f"a choice must be left, right, both, neither or skip; got {choice!r}")
    right = {Label.BETTER: pair.high > 0, Label.WORSE: pair.low < 0, Label.BOTH: pair.low < 0 < pair.high}
    if not right.get(label, True):
        raise Refused(400, "an answer that could not be read scores 0, so it cannot be called right")
    return label


async def _body(http: Request) -> bytes:
    """A small JSON body.

    Raises:
        Refused: it says that it is something else, or it is too big.
    """
    if http.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "a label must be sent as application/json")
    body = bytearray()
    async for part in http.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(413, f"a label must be at most {MOST_BYTES} bytes")
    return bytes(body)


async def _refused(http: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 500
    return JSONResponse({"error": str(error)}, status)


class Doorkeeper:
    """Lets in the browser of this machine that has the session's token; puts its headers on every answer.

    The Host must be this machine's own name (a name of the web may be made to point here), a page of another
    origin is refused, and all but the empty page takes the token, which no other site can know or send.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
                ]
            await send(message)

        if scope["type"] != "http":
            return
        refusal = self._refusal(Request(scope))
        if refusal is not None:
            await JSONResponse({"error": str(refusal)}, refusal.status)(scope, receive, with_headers)
            return
        await self.app(scope, receive, with_headers)

    def _refusal(self, http: Request) -> Refused | None:
        host = http.headers.get("host", "")
        if _hostname(f"//{host}") not in LOOPBACK:
            return Refused(403, "the label page answers only to its own machine")
        origin: Any = http.headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return Refused(403, "the label page takes nothing from other sites")
        if http.url.path == "/":
            return None
        sent = http.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(sent.encode(), self.token.encode()):
            return Refused(403, "open the label page at the whole address that the terminal shows")
        return None


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
