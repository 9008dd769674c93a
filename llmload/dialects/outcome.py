"""How a call ended: the one place where outcomes are decided."""

from __future__ import annotations

from typing import Final

from llmload.dialects.clean import clean_line
from llmload.dialects.integrity import problem
from llmload.records import Answer, Api, Call, Outcome

__all__ = ["classify"]

_BY_STATUS: Final = (
    (range(429, 430), Outcome.HTTP_429),
    (range(400, 500), Outcome.HTTP_4XX),
    (range(503, 504), Outcome.HTTP_503),
    (range(500, 600), Outcome.HTTP_5XX),
)
"""The first that fits. 429 and 503 stand apart: a target that turns load away is not one that breaks under it."""
_GOOD: Final = range(200, 300)
_SWITCHED: Final = 101
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def classify(
    call: Call, status: int, answer: Answer, failure: tuple[Outcome, str] | None = None
) -> tuple[Outcome, str]:
    """The outcome, and why in one clean line of at most 300 characters ("" when it is good).

    ``failure``: what the transport or a time-out has to say, None when the response ended properly. It wins,
    but for an error the server had reported before, inside a 2xx body or over a socket: that is the cause, the rest
    follows from it.
    """
    outcome, why = _judge(call, status, answer, failure)
    return outcome, clean_line(why)


def _judge(call: Call, status: int, answer: Answer, failure: tuple[Outcome, str] | None) -> tuple[Outcome, str]:
    if failure is not None:
        reported = _answered(status, answer) and answer.error
        return (Outcome.ERROR_EVENT, reported) if reported else failure
    if call.expect_status and status not in call.expect_status:
        return _unexpected(call, status, answer)
    if _answered(status, answer):
        return _judge_body(call, answer)
    if status in call.expect_status:
        return Outcome.EXPECTED_STATUS, ""
    return _by_status(status), _status_line(status, answer)


def _answered(status: int, answer: Answer) -> bool:
    """Whether what came is an answer, good or not."""
    return status in _GOOD or (status == _SWITCHED and answer.switched)


def _by_status(status: int) -> Outcome:
    return next((outcome for statuses, outcome in _BY_STATUS if status in statuses), Outcome.PROTOCOL_ERROR)


def _status_line(status: int, answer: Answer) -> str:
    line = f"HTTP {status}: {answer.error}" if answer.error else f"HTTP {status} without a message"
    return f"{line}; redirects are not followed: base_url must be the final URL" if status in _REDIRECTS else line


def _unexpected(call: Call, status: int, answer: Answer) -> tuple[Outcome, str]:
    """A status the call should not have got, a 200 included."""
    wanted = " or ".join(str(expected) for expected in sorted(call.expect_status))
    error = f": {answer.error}" if answer.error else ""
    return _by_status(status), f"HTTP {status} where {wanted} was expected{error}"


def _judge_socket(answer: Answer) -> tuple[Outcome, str]:
    if answer.unanswered:
        lost, all_ = answer.unanswered, answer.unanswered + len(answer.round_trips)
        return Outcome.TRUNCATED, f"{lost} of {all_} messages had no reply"
    return Outcome.OK, ""


def _judge_body(call: Call, answer: Answer) -> tuple[Outcome, str]:
    if answer.error is not None:
        return Outcome.ERROR_EVENT, answer.error
    if call.api is Api.SOCKET:
        return _judge_socket(answer)
    if answer.corrupt:
        return Outcome.CORRUPT, answer.corrupt
    if answer.malformed:
        what = "event is" if answer.malformed == 1 else "events are"
        where = f"{answer.malformed} {what}" if answer.events else "the body is"
        return Outcome.PROTOCOL_ERROR, f"{where} not what the API promises ({answer.content_type or 'no content type'})"
    if answer.finish is not None or answer.items or (call.api is Api.MODELS and answer.ended):
        wrong = problem(call, answer) if call.integrity else ""
        return (Outcome.CORRUPT, wrong) if wrong else (Outcome.OK, "")
    if answer.stamps:
        end = "with an end mark but " if answer.ended else ""
        return Outcome.TRUNCATED, f"the stream ended {end}without a finish reason"
    where = f"{answer.events} events" if answer.events else "the body"
    return Outcome.EMPTY, f"neither content nor a finish reason in {where}"
