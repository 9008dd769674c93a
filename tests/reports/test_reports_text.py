"""The report for people: what it says, that it fits, and that nobody else gets to draw in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
import reports_samples as samples
from rich.cells import cell_len

from llmload.metrics.summary import Summary
from llmload.reports.judged import margin_of
from llmload.reports.result import Result
from llmload.reports.text import render
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, Reason, Validity

MADE = [samples.result, samples.empty, samples.interrupted, samples.hostile]
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [72, 80, 100, 120, 200])
@pytest.mark.parametrize("make", MADE)
def test_every_line_fits_the_width(make: Callable[[], Result], width: int) -> None:
    for line in render(make(), width).splitlines():
        assert cell_len(line) <= width, line


def test_what_is_not_judged_stands_apart_and_says_why() -> None:
    rule = parse_objective("target.cpu.mean < 60%", optional=True)
    left = Judgement(rule, passed=True, note="no data: nothing observes the target")
    made = replace(samples.result(), judgements=(*samples.result().judgements[:1], left))
    text = " ".join(render(made).split())
    assert "of 1 objectives met, 1 not judged" in text
    assert "- target.cpu.mean < 60% not judged" in text
    assert "target.cpu.mean < 60%: no data: nothing observes the target" in text


def test_the_verdict_comes_first_then_the_objectives_then_the_figures() -> None:
    text = render(samples.result())
    order = [
        "FAIL  peak",
        "Objective",
        "The figures are SUSPECT",
        "Traffic light",
        "Load",
        "Times and sizes",
        "By class",
        "Throughput",
        "Errors",
        "Generator",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert text.startswith("FAIL")


@pytest.mark.parametrize(
    "words",
    [
        "not good enough, 3 of 6 objectives met; figures SUSPECT",
        "✓  ttft.p95 < 500ms",
        "✗  errors.rate < 0.5%",
        "the target sheds load",
        "worst from 46 s to 56 s",
        "there is no tier 'platinum' in the run (there are: free, gold)",
        "from the planned time: what users feel",
        "from send: what the target alone did",
        "24 failed, 1 unfinished",
        "warm-up (not measured)",
        "Rate limit reached, retry in 2 s",
        "estimated for",
        "per thousand calls",
        "5 stalls in 5 streams",
        "note: demonstration size",
        "run at full",
    ],
)
def test_what_a_reader_needs_to_know_is_said(words: str) -> None:
    assert words in render(samples.result(), 200)


def test_planned_sent_completed_succeeded_and_goodput_are_figures_of_their_own() -> None:
    lines = render(samples.result()).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Load"))
    names = [line.split()[0] for line in lines[start + 1 : start + 6]]
    counts = [int(line.split()[1].replace(",", "")) for line in lines[start + 1 : start + 6]]
    assert names == ["planned", "sent", "completed", "succeeded", "goodput"]
    assert counts == [1100, 1100, 1099, 1075, 1028]


def test_a_percentile_that_the_sample_cannot_support_is_marked() -> None:
    failure = next(line for line in render(samples.result()).splitlines() if line.strip().startswith("Failure"))
    assert all(cell.startswith("~") for cell in failure.split()[4:8])


def test_a_wider_terminal_gets_more_columns() -> None:
    assert "stddev" not in render(samples.result(), 80)
    assert "stddev" in render(samples.result(), 120)


def test_a_narrow_one_never_loses_the_figures_that_decide() -> None:
    header = next(line for line in render(samples.result(), 80).splitlines() if line.startswith("Times"))
    assert header.split()[3:] == ["count", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"]


def test_plain_text_holds_no_escape_and_colour_changes_nothing_but_colour() -> None:
    plain, coloured = render(samples.result()), render(samples.result(), color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert [line.rstrip() for line in SGR.sub("", coloured).splitlines()] == plain.splitlines()


def test_colour_has_a_meaning() -> None:
    coloured = render(samples.result(), color=True)
    assert "\x1b[1;31mFAIL" in coloured
    assert "\x1b[32m✓" in coloured
    assert "\x1b[31m✗" in coloured
    assert "\x1b[33mSUSPECT" in coloured


@pytest.mark.parametrize("make", MADE)
def test_ascii_is_all_there_is_where_the_encoding_has_no_more(make: Callable[[], Result]) -> None:
    text = render(make(), unicode=False)
    assert text.isascii()
    assert text.count("\n") == render(make()).count("\n")


def test_met_and_missed_are_words_in_ascii() -> None:
    text = render(samples.result(), unicode=False)
    assert "ok   ttft.p95 < 500ms" in text
    assert "NOT  errors.rate" in text


@pytest.mark.parametrize("color", [False, True])
def test_hostile_text_can_neither_draw_nor_flood(color: bool) -> None:
    text = render(samples.hostile(), color=color)
    bare = SGR.sub("", text)
    strange = {char for char in bare if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029"} - {"\n"}
    assert not strange
    assert "[red]markup[/red]" in bare
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert len(bare.splitlines()) < 150
    assert not re.search(r"\n{4,}", bare)


def test_links_in_server_text_stay_text() -> None:
    assert "[link=http://evil]x[/link]" in render(samples.hostile(), 200, color=True)


def test_a_reason_comes_with_what_to_do_about_it() -> None:
    reason = Reason("schedule_lag", Level.INVALID, "schedule lag p99 38 ms is 30% of it", "use --workers 4")
    result = replace(samples.empty(), validity=Validity(Level.INVALID, (reason,)))
    text = render(result)
    assert text.startswith("INVALID")
    assert "  schedule lag p99 38 ms is 30% of it: use --workers 4" in text


def test_an_interrupted_run_says_why_and_when() -> None:
    assert re.search(r"^interrupted after .*: Ctrl-C$", render(samples.interrupted()), re.MULTILINE)
    assert re.search(
        r"^aborted after .*: budget", render(replace(samples.empty(), aborted="budget spent")), re.MULTILINE
    )


def test_a_long_rule_is_cut_in_the_table_not_the_verdict_on_it() -> None:
    rule = parse_objective("latency.p99{class=chat-with-a-long-name,target=elsewhere,tier=gold} < 3s", window=0.0)
    result = replace(samples.empty(), judgements=tuple(judge([rule], Summary())))
    lines = render(result).splitlines()
    assert any(line.startswith("✗  latency.p99{…} < 3s") and "no data" in line for line in lines)


def test_a_dimension_that_cuts_as_another_does_is_shown_once() -> None:
    text = render(samples.result())
    assert "By class" in text
    assert "By model" not in text


def test_insights_stand_between_the_objectives_and_the_figures_with_evidence_and_advice() -> None:
    text = render(samples.overloaded(), 100)
    told = text[: text.index("Load  ")]
    assert "What stands out" in told
    assert "warning: it held 20.0/s and broke at 30.0/s" in told
    assert "got 429 or 503)" in told
    assert "What stands out" not in render(samples.empty())


def first_screen(result: Result, width: int = 80, lines: int = 24) -> str:
    return "\n".join(render(result, width).splitlines()[:lines])


def test_the_first_screen_says_whether_it_is_good_enough_why_and_whether_to_trust_it() -> None:
    """Of a run that missed objectives, at 80 x 24."""
    seen = first_screen(samples.result())
    assert "not good enough" in seen
    assert "the target sheds load" in seen
    assert "Traffic light critical" in seen
    assert "The figures are SUSPECT: take them with care" in seen


def test_missed_objectives_come_before_those_that_were_met() -> None:
    lines = render(samples.result()).splitlines()
    signs = [line[0] for line in lines if line.startswith(("✗", "~  ", "✓"))]
    assert signs == ["✗"] * 3 + ["~"] + ["✓"] * 2


def test_a_good_run_speaks_of_trust_in_its_first_line_alone() -> None:
    good = [each for each in samples.result().judgements if str(each.objective) == "ttft.p95 < 500ms"]
    text = render(replace(samples.result(), judgements=good, validity=Validity(Level.VALID)))
    assert text.startswith("PASS  peak: good enough, 1 of 1 objectives met; figures VALID\n")
    assert "The figures are" not in text


def test_a_run_that_was_stopped_is_good_enough_so_far() -> None:
    good = [each for each in samples.result().judgements if each.passed]
    text = render(replace(samples.result(), judgements=good, interrupted="Ctrl-C"))
    assert text.startswith("PASS  peak: so far 3 of 3 objectives met, 1 of them unproven")


def test_a_rule_that_is_too_long_keeps_its_bound_and_stands_beneath_as_a_whole() -> None:
    rule = "ttft.p95{class=chat-with-a-long-name,phase=the-whole-afternoon,tier=gold} < 500ms"
    text = render(replace(samples.result(), judgements=judge([parse_objective(rule)], samples.summary())), 100)
    assert "✗  ttft.p95{…} < 500ms" in text
    assert f"   {rule}" in text


def test_what_stands_out_is_advised_once() -> None:
    text = " ".join(render(samples.overloaded()).split())
    assert text.count("keep the load below what it held, or add capacity") == 1


def _close() -> tuple[Judgement, ...]:
    """Met: one by far, one whose interval holds the bound, one that is many times what is asked."""
    rules = ("latency.p50 < 30s", "ttft.p95 < 204ms", "success.count > 100")
    return tuple(judge([parse_objective(rule) for rule in rules], samples.summary()))


def test_a_pass_that_is_not_proven_is_no_answer_and_says_which_and_why() -> None:
    made = replace(samples.result(), judgements=_close(), validity=Validity(Level.VALID))
    text, plain, coloured = render(made), render(made, unicode=False), render(made, color=True)
    assert text.startswith("PASS  peak: 3 of 3 objectives met, 1 of them unproven; figures VALID\n")
    assert re.search(
        r"^~  ttft.p95 < 204ms .*\n   too close to call: the interval holds the bound$", text, re.MULTILINE
    )
    assert text.count("the interval holds the bound") == 1
    assert re.search(r"^ok  +latency.p50", plain, re.MULTILINE)
    assert re.search(r"^~   +ttft.p95", plain, re.MULTILINE)
    assert re.search(r"~\x1b.*204ms.*\x1b\[2m *\+\d\.\d%", coloured)
    assert made.exit_status() == 0


@pytest.mark.parametrize(
    ("rule", "observed", "words"),
    [
        ("latency.p50 < 1s", 8.8, "8.8x over"),
        ("latency.p50 < 1s", 1.5, "-50%"),
        ("latency.p50 < 1s", 5000.0, ">999x over"),
        ("success.count > 100", 603.0, "6.0x"),
        ("success.count > 100", 4210.0, "42x"),
        ("success.count > 100", 150.0, "+50%"),
        ("trend.latency{phase=steady} < 10%", -0.4, ">+100%"),
    ],
)
def test_a_margin_beyond_the_bound_itself_is_said_in_times(rule: str, observed: float, words: str) -> None:
    objective = parse_objective(rule)
    away = (objective.value - observed if objective.upper else observed - objective.value) / objective.value
    assert margin_of(Judgement(objective, away > 0, observed, margin=away)) == words


def test_a_figure_that_is_larger_than_what_was_seen_says_so() -> None:
    judgement = Judgement(parse_objective("recovery.time{after=spike} < 5s"), passed=False, observed=8.4, larger=True)
    assert "≥8.40 s" in render(replace(samples.result(), judgements=(judgement,)))
    assert ">8.40 s" in render(replace(samples.result(), judgements=(judgement,)), unicode=False)


def test_the_light_says_why_but_for_what_missed_objectives_say() -> None:
    text = render(samples.result())
    light = text[text.index("Traffic light critical") :].partition("\n\n")[0]
    assert "  met by less than 10%: rate.achieved >= 95%" in light
    assert "  the figures are SUSPECT" in light
    assert "the target sheds load" not in light
    assert "  what stands out, see there" in render(samples.overloaded())


def test_a_report_that_is_longer_than_the_screen_ends_in_its_verdict() -> None:
    text = render(samples.result(), height=24)
    assert text.splitlines()[-1] == text.splitlines()[0]
    assert render(samples.result(), height=500) == render(samples.result())


def test_a_remedy_of_several_reasons_is_said_once() -> None:
    reasons = tuple(Reason(f"r{n}", Level.SUSPECT, f"reason {n}", "use a quiet machine") for n in range(3))
    text = render(replace(samples.result(), validity=Validity(Level.SUSPECT, reasons)))
    assert "  reason 0: use a quiet machine\n  reason 1\n  reason 2\n" in text


def test_the_line_of_the_load_breaks_between_parts() -> None:
    made = replace(samples.result(), started="2026-03-01T12:00:00.123+00:00")
    lines = render(made, 66).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("up to"))
    assert lines[start : start + 2] == [
        "up to 20.0/s · for 60.0 s · 2 workers",
        "demonstration size · 2026-03-01T12:00:00+00:00",
    ]


@pytest.mark.parametrize("make", MADE)
def test_parts_are_one_blank_line_apart(make: Callable[[], Result]) -> None:
    assert "\n\n\n" not in render(make())
