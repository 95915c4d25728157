"""The label page's calls: who is let in, what is sent, and what a choice writes down."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.labelling.conftest import NASTY, Contest

from underdog.labelling.app import create_app, left_is_arm
from underdog.labelling.book import Book, Label

TOKEN = "the-token"
HOST = "127.0.0.1:8322"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Asks the application as a server would, with no port between."""

    def __init__(self, book: Book) -> None:
        self.book, self.app = book, create_app(book, TOKEN)

    def __call__(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Reply:
        """Headers are those of the page itself unless given; None leaves one out."""
        own = {"host": HOST, "x-underdog-token": TOKEN, "content-type": "application/json"}
        given = own | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(n.encode(), v.encode()) for n, v in given.items() if v is not None],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8322),
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], head, b"".join(part.get("body", b"") for part in sent[1:]))

    def label(self, item: str, choice: str, **headers: str | None) -> Reply:
        return self("POST", "/api/label", json.dumps({"item": item, "choice": choice}).encode(), **headers)


@pytest.fixture
def ask(run: Path, quiz: Contest) -> Caller:
    return Caller(Book(run, quiz, "ada"))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"host": "evil.example:8322"},
        {"host": "127.0.0.1.evil.example"},
        {"host": None},
        {"x_underdog_token": None},
        {"x_underdog_token": "guessed"},
    ],
)
def test_posts_of_other_sites_and_without_the_token_are_refused_and_write_nothing(
    ask: Caller, quiz: Contest, headers: dict[str, str | None]
) -> None:
    assert ask.label(quiz.shown[0].item, "neither", **headers).status == 403
    assert ask("GET", "/api/next", **headers).status == 403
    assert ask("POST", "/api/undo", b"{}", **headers).status == 403
    assert ask.book.labels().by_item == {}


@pytest.mark.parametrize("origin", [None, f"http://{HOST}"])
def test_the_page_s_own_posts_are_taken(ask: Caller, quiz: Contest, origin: str | None) -> None:
    assert ask.label(quiz.shown[0].item, "neither", origin=origin).status == 200
    assert list(ask.book.labels().by_item.values()) == [Label.NEITHER]


def test_a_form_of_another_site_cannot_pass_for_the_page(ask: Caller, quiz: Contest) -> None:
    """What a form can send without asking first: no JSON type."""
    assert ask.label(quiz.shown[0].item, "neither", content_type="text/plain").status == 415


def test_the_page_needs_no_token_holds_no_data_and_lets_nothing_else_run(ask: Caller) -> None:
    page = ask("GET", "/", x_underdog_token=None)
    assert page.status == 200
    assert b"Question" not in page.body and TOKEN.encode() not in page.body
    policy = page.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert page.body.count(f'nonce="{nonce}"'.encode()) == 2
    assert page.headers["cache-control"] == "no-store" and page.headers["x-content-type-options"] == "nosniff"
    assert ask("GET", "/").headers["content-security-policy"] != policy


def test_the_page_is_one_file_that_fetches_nothing_from_elsewhere(ask: Caller) -> None:
    text = ask("GET", "/").body.decode()
    assert "http://" not in text and "https://" not in text and "//cdn" not in text
    assert ".innerHTML" not in text and "insertAdjacentHTML" not in text and "document.write" not in text


def test_what_is_sent_names_no_arm_beside_an_answer_and_sides_are_drawn_by_lot(
    ask: Caller, quiz: Contest
) -> None:
    pair = ask("GET", "/api/next").json["pair"]
    assert "small" not in json.dumps(pair) and "large" not in json.dumps(pair)
    lefts = sum(left_is_arm(one, quiz.seed) for one in quiz.shown)
    assert 10 <= lefts <= 30


def test_a_choice_is_written_down_for_the_arm_that_stands_there(ask: Caller, quiz: Contest) -> None:
    readable = [pair for pair in quiz.shown if pair.high > 0][:8]
    for pair in readable:
        shown = ask.label(pair.item, "left").status
        assert shown == 200
        expected = Label.BETTER if left_is_arm(pair, quiz.seed) else Label.WORSE
        assert ask.book.labels().by_item[pair.item] is expected
    assert {ask.book.labels().by_item[pair.item] for pair in readable} == {Label.BETTER, Label.WORSE}


def test_the_order_goes_on_from_label_to_label_and_back_by_undo(ask: Caller, quiz: Contest) -> None:
    first, second, third = (pair.item for pair in quiz.shown[:3])
    assert ask("GET", "/api/next").json["pair"]["item"] == first
    assert ask.label(first, "neither").json["pair"]["item"] == second
    state = ask.label(second, "skip").json
    assert state["pair"]["item"] == third and state["standing"]["skipped"] == 1
    back = ask("POST", "/api/undo", b"{}").json
    assert back["pair"]["item"] == second and back["standing"]["labelled"] == 1
    ask("POST", "/api/undo", b"{}")
    assert ask("POST", "/api/undo", b"{}").status == 409


def test_an_unread_answer_cannot_be_called_right(ask: Caller, quiz: Contest) -> None:
    pair = next(pair for pair in quiz.shown if pair.arm.final is None)
    side = "left" if left_is_arm(pair, quiz.seed) else "right"
    assert ask.label(pair.item, side).status == ask.label(pair.item, "both").status == 400
    assert ask.label(pair.item, "neither").status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b'{"item": "q5"}', 400),
        (b'{"item": "q5", "choice": "undone"}', 400),
        (b'{"item": "q1", "choice": "left"}', 404),
        (b'{"item": "nobody", "choice": "left"}', 404),
        (b" " * 20_000, 413),
    ],
)
def test_what_is_no_label_is_refused_and_written_nowhere(ask: Caller, body: bytes, status: int) -> None:
    reply = ask("POST", "/api/label", body)
    assert reply.status == status and reply.json["error"]
    assert ask.book.labels().by_item == {}


def test_a_disk_that_takes_no_label_is_said(ask: Caller, quiz: Contest) -> None:
    ask.book.path.unlink(missing_ok=True)
    ask.book.path.mkdir()
    reply = ask.label(quiz.shown[0].item, "neither")
    assert reply.status == 500 and "was not kept" in reply.json["error"]


def test_markup_in_questions_is_sent_as_text(ask: Caller) -> None:
    messages = ask("GET", "/api/next").json["pair"]["messages"]
    assert messages[1]["parts"] == [{"text": f"Question of markup {NASTY}"}]
