"""The rule of decision (CONTRACT 2), and that nothing a filter does gets past its rule's `on_error`."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.promises import children
from mailscan.envelope import Envelope
from mailscan.errors import FilterError, OutOfTime
from mailscan.filters import Filter
from mailscan.keys import Table, options_of
from mailscan.mail import RCPT, Mail
from mailscan.message import Message
from mailscan.networks import networks
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Limits, Log, Policy, Score, Site
from mailscan.rule import Rule, When
from mailscan.timer import Limit
from mailscan.verdict import Edits, Finding, Kept, Verdict


class Says(Filter):
    """Finds what it is made with, or does what it is told."""

    decides = True

    def __init__(self, *findings: Finding, does: Any = None) -> None:
        super().__init__({})
        self.findings = findings
        self.does = does
        self.asked = 0

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        self.asked += 1
        if self.does:
            self.does(mail)
        return self.findings


class SaysOfRecipients(Says):
    """Finds every recipient that begins with "bad"."""

    stage = RCPT
    needs = ("recipients",)

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        self.asked += 1
        return [Finding("bad", one) for one in mail.envelope.recipients if one.startswith("bad")]


def table(kind: type[Table], values: dict[str, Any]) -> Any:
    known = options_of(kind)
    return kind({key: known[key].read(value, "/") for key, value in values.items()})


def rule(chosen: Filter, **keys: Any) -> Rule:
    made: Rule = table(Rule, {"use": "says", "name": f"r{id(chosen)}", **keys})
    made.settle(chosen)
    return made


def policy(*rules: Rule, trial: bool = False, **score: float) -> Policy:
    site: Site = table(Site, {"trial": trial})
    return Policy("test", b"", rules, site, table(Score, score), table(Limits, {}), table(Log, {}))


RAW = b"From: a@b.example\nX-Mailscan-Score: 99\nX-mailscan-score: 98\nX-Spam-Flag: NO\nSubject: x\n\nbody\n"


def judge(*rules: Rule, seconds: float = 30.0, thorough: bool = False, raw: bytes = RAW, **more: Any) -> Verdict:
    envelope = more.pop("envelope", Envelope(sender="a@b.example", recipients=("c@d.example",)))
    outside = Outside(time.monotonic() + seconds)
    return scan(Mail(envelope, Message(raw)), policy(*rules, **more), outside, thorough=thorough)


FOUND = Finding("found")


def test_no_rule_and_no_finding_accept() -> None:
    assert judge().action == "accept"
    clear = judge(rule(Says(), action="reject"))
    assert (clear.action, clear.rule, clear.account[0].outcome) == ("accept", "", "clear")


def test_notes_decide_nothing() -> None:
    verdict = judge(rule(Says(Finding("x.not-scanned", note=True)), action="reject"))
    assert verdict.action == "accept"
    assert verdict.account[0].outcome == "found"
    assert verdict.account[0].action is None


@pytest.mark.parametrize("action", ["accept", "reject", "tempfail", "quarantine", "tag", "ignore", "score", None])
def test_the_fields_of_a_note_go_with_the_mail_and_decide_nothing(action: str | None) -> None:
    note = Finding("x.low", headers=[("X-Low", "1")], score=2.5, note=True, action="score")
    keys = {} if action is None else {"action": action}
    verdict = judge(rule(Says(note), **keys), reject=2.0)
    if action == "score":
        assert (verdict.action, verdict.score) == ("reject", 2.5)
    else:
        assert (verdict.action, verdict.score, verdict.quarantine) == ("accept", 0, "")
        assert verdict.edits.add == (() if action == "ignore" else (("X-Low", "1"),))
    assert verdict.account[0].action is None
    plain = Finding("x.low", headers=[("X-Low", "1")], score=2.5, note=True)
    assert judge(rule(Says(plain), action="score"), reject=2.0).score == 0
    # The rule's own score is for what is found.
    assert judge(rule(Says(note), score=3.0), reject=2.0).action == "accept"
    # A mail that is rejected takes no fields with it.
    assert judge(rule(Says(note)), rule(Says(FOUND), action="reject")).edits.add == ()


@pytest.mark.parametrize("action", ["accept", "reject", "tempfail"])
def test_the_first_rule_that_says_accept_reject_or_tempfail_ends_it(action: str) -> None:
    below = Says(FOUND)
    verdict = judge(rule(Says(), action="reject"), rule(Says(FOUND), action=action, name="one"), rule(below))
    assert (verdict.action, verdict.rule) == (action, "one")
    assert below.asked == 0
    assert [one.outcome for one in verdict.account] == ["clear", "found", "not-asked"]
    assert verdict.account[2].why == "one had decided"


def test_thorough_asks_all_and_changes_nothing() -> None:
    below = Says(FOUND)
    verdict = judge(
        rule(Says(FOUND), action="reject", name="one"), rule(below, action="accept", name="two"), thorough=True
    )
    assert (verdict.action, verdict.rule) == ("reject", "one")
    assert below.asked == 1
    assert verdict.account[1].outcome == "found"


def test_what_the_rule_says_outranks_the_filter() -> None:
    wants_reject = Finding("x", action="reject", reply="Filter's words")
    assert judge(rule(Says(wants_reject), action="ignore")).action == "accept"
    assert judge(rule(Says(wants_reject), action="tempfail")).action == "tempfail"
    by_filter = judge(rule(Says(wants_reject)))
    assert (by_filter.action, by_filter.reply) == ("reject", ("Filter's words",))
    by_rule = judge(rule(Says(wants_reject), reply="Ours", code="554 5.7.9"))
    assert (by_rule.code, by_rule.reply) == ("554 5.7.9", ("Ours",))


def test_replies_have_defaults() -> None:
    assert judge(rule(Says(FOUND), action="reject")).code == "550 5.7.1"
    assert judge(rule(Says(FOUND), action="tempfail")).code == "451 4.7.1"
    assert judge(rule(Says(FOUND), action="reject")).reply


def test_scores_add_up_and_the_sum_is_shown() -> None:
    three = rule(Says(FOUND), score=3, name="three")
    two = rule(Says(Finding("x", score=1.5), Finding("y", score=0.5)), name="two")
    limits: dict[str, Any] = {"tag": 5.0, "reject": 12.0}
    below = judge(three, rule(Says(FOUND), score=1.9, name="less"), **limits)
    assert (below.action, below.score, below.edits.add) == ("accept", 4.9, ())
    tagged = judge(three, two, **limits)
    assert tagged.edits.add == (("X-Mailscan-Score", "5 (three 3, two 2; tag 5, reject 12)"),)
    refused = judge(three, two, rule(Says(FOUND), score=7, name="seven"), **limits)
    assert (refused.action, refused.rule, refused.score, refused.edits.add) == ("reject", "score", 12.0, ())
    # Twice found is scored once where the rule gives the score.
    assert judge(rule(Says(FOUND, FOUND), score=3), **limits).score == 3.0
    # 0.1 added ten times is 1.0 for people.
    assert judge(*(rule(Says(FOUND), score=0.1) for _ in range(10)), reject=1.0).action == "reject"


def test_an_accept_outranks_the_sum() -> None:
    assert judge(rule(Says(FOUND), score=99), rule(Says(FOUND), action="accept"), reject=1.0).action == "accept"


def test_tags_and_quarantine_go_with_an_accepted_mail() -> None:
    tag = rule(Says(Finding("x", headers=[("X-A", "1")])), action="tag")
    bare = rule(Says(FOUND, FOUND), action="tag", name="bare")
    hold = rule(Says(FOUND), action="quarantine", name="hold")
    verdict = judge(tag, bare, hold)
    assert verdict.edits.add == (("X-A", "1"), ("X-Mailscan-Tag", "bare"), ("X-Mailscan-Quarantine", "hold"))
    assert verdict.quarantine == "hold"
    assert judge(tag, rule(Says(FOUND), action="reject")).edits.add == ()


def test_edits_of_filters_are_kept_in_order_unless_ignored() -> None:
    first = Says(Finding("x", edits=Edits(rcpt_add=["n@d.example"], body=b"1"), action="tag"))
    second = Says(Finding("x", edits=Edits(change=[("Subject", 1, "new")], body=b"2"), action="tag"))
    ignored = rule(Says(Finding("x", edits=Edits(body=b"3"))), action="ignore")
    edits = judge(rule(first), rule(second), ignored).edits
    assert (edits.rcpt_add, edits.change, edits.body) == (("n@d.example",), (("Subject", 1, "new"),), b"2")


def test_forged_header_fields_of_ours_are_removed_whatever_the_verdict() -> None:
    assert judge().edits.remove == ("X-mailscan-score",)
    writer = Says()
    writer.writes = ("X-Spam-*",)
    assert judge(rule(writer, when={"senders": "nobody@else.example"})).edits.remove == (
        "X-mailscan-score",
        "X-Spam-Flag",
    )


def test_a_rule_about_single_recipients_takes_only_those_out() -> None:
    chosen = SaysOfRecipients()
    seen: list[tuple[str, ...]] = []
    later = rule(Says(does=lambda mail: seen.append(mail.envelope.recipients)))
    several = Envelope(recipients=("a@x.example", "bad@x.example", "c@x.example"))
    verdict = judge(rule(chosen, action="reject", scope="recipient"), later, envelope=several)
    assert (verdict.action, verdict.edits.rcpt_remove) == ("accept", ("bad@x.example",))
    assert seen == [("a@x.example", "c@x.example")]
    assert chosen.asked == 3
    none_left = judge(
        rule(chosen, action="reject", scope="recipient"), envelope=Envelope(recipients=("bad@x.example", "bad2"))
    )
    assert (none_left.action, none_left.edits.rcpt_remove) == ("reject", ())
    whole = judge(rule(chosen, action="reject"), envelope=several)
    assert whole.action == "reject"
    trial = judge(rule(chosen, action="ignore", scope="recipient"), envelope=several)
    assert (trial.action, trial.edits.rcpt_remove) == ("accept", ())


def test_what_is_not_known_is_not_asked() -> None:
    chosen = SaysOfRecipients()
    verdict = judge(rule(chosen, action="reject"), envelope=Envelope())
    assert (verdict.account[0].outcome, verdict.account[0].why) == ("not-asked", "recipients not known")
    assert chosen.asked == 0


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"recipients": "@d.example"}, True),
        ({"recipients": "c"}, True),
        ({"recipients": "x@d.example"}, False),
        ({"recipients": []}, False),  # an empty list (of a file, say) is nobody, not everybody
        ({"senders": [], "recipients": "c"}, False),
        ({"clients": [], "authenticated": False}, False),
        ({"any_recipient": ["x", "c"]}, True),
        ({"senders": "<>"}, False),
        ({"senders": "@b.example", "recipients": "c"}, True),
        ({"senders": "@b.example", "recipients": "x"}, False),
        ({"authenticated": False}, True),
        ({"authenticated": True}, False),
        ({"larger_than": len(RAW)}, False),
        ({"larger_than": len(RAW) - 1}, True),
        ({"clients": "192.0.2.0/24"}, False),  # not known
        ({"trusted": True}, False),
        ({"trusted": False}, False),
    ],
)
def test_when(when: dict[str, Any], holds: bool) -> None:
    assert (judge(rule(Says(FOUND), action="reject", when=when)).action == "reject") is holds


def test_when_recipients_means_all_of_them() -> None:
    two = Envelope(recipients=("postmaster@d.example", "joe@d.example"), client_ip="192.0.2.1")
    let_in = rule(Says(FOUND), action="accept", when={"recipients": "postmaster"}, name="in")
    assert judge(let_in, envelope=two).rule == ""
    assert judge(rule(Says(FOUND), action="reject", when={"any_recipient": "joe"}), envelope=two).action == "reject"
    assert judge(rule(Says(FOUND), action="reject", when={"clients": "192.0.2.0/24"}), envelope=two).action == "reject"


@pytest.mark.parametrize(
    ("client", "user", "ours"),
    [
        ("198.51.100.7", None, False),
        ("198.51.100.7", "joe", True),
        (None, "joe", True),
        ("192.0.2.9", None, True),
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("10.1.2.3", None, True),
        ("fd00::1", None, True),
        ("2001:db8::1", None, False),
    ],
)
def test_when_trusted(client: str | None, user: str | None, ours: bool) -> None:
    envelope = Envelope(client_ip=client, auth_user=user)
    for wanted in (True, False):
        made = rule(Says(FOUND))
        made.when = table(When, {"trusted": wanted})
        made.settle(made.filter, networks("192.0.2.0/24", ""))
        assert (judge(made, envelope=envelope).account[0].outcome == "found") is (ours is wanted)


def crash(mail: Mail) -> None:
    raise ZeroDivisionError("oh")


def leave(mail: Mail) -> None:
    raise SystemExit(0)


def backtrack(mail: Mail) -> None:
    re.search(r"(a+)+$", "a" * 60 + "b")


def sleep_on(mail: Mail) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except Exception:  # noqa: BLE001 - a filter that swallows what it can
            continue


def recurse(mail: Mail) -> None:
    recurse(mail)


def refuse(mail: Mail) -> None:
    raise FilterError("spamd is away")


FAILURES = [
    (crash, "crashed: ZeroDivisionError: oh (test_pipeline.py:"),
    (leave, "crashed: SystemExit: 0"),
    (recurse, "crashed: RecursionError"),
    (refuse, "spamd is away"),
    (backtrack, "took longer than its timeout of 0.3 s"),
    (sleep_on, "took longer than its timeout of 0.3 s"),
]


@pytest.mark.parametrize(("does", "said"), FAILURES, ids=[one[0].__name__ for one in FAILURES])
def test_a_failure_is_the_on_error_of_its_rule(does: Any, said: str) -> None:
    def failing(**keys: Any) -> Rule:
        return rule(Says(FOUND, does=does), timeout=0.3, name="f", **keys)

    passed = judge(failing(action="reject", on_error="ignore"))
    assert passed.action == "accept"
    assert passed.account[0].outcome == "error"
    assert said in passed.account[0].why
    put_off = judge(failing(action="accept"), rule(Says(FOUND), action="reject"))
    assert (put_off.action, put_off.code, put_off.rule) == ("tempfail", "451 4.3.0", "f")
    refused = judge(failing(action="accept", on_error="reject", reply="Sorry"))
    assert (refused.action, refused.reply, refused.rule) == ("reject", ("Sorry",), "f")


def test_the_end_of_the_run_is_the_end_of_every_rule() -> None:
    began = time.monotonic()
    slow = rule(Says(does=sleep_on), on_error="ignore", name="slow")
    verdict = judge(slow, rule(Says(FOUND), action="reject", name="late"), seconds=0.3)
    assert time.monotonic() - began < 5
    assert [one.why for one in verdict.account] == ["the time of the whole run has ended"] * 2
    assert (verdict.action, verdict.rule) == ("tempfail", "late")


def test_limits_nest() -> None:
    with pytest.raises(OutOfTime), Limit(0.2):
        with Limit(10):
            pass
        time.sleep(5)
    with Limit(5):
        with pytest.raises(OutOfTime), Limit(0.05):
            time.sleep(5)
        time.sleep(0.2)


def test_findings_are_bounded() -> None:
    verdict = judge(rule(Says(*[FOUND] * 5000), action="tag"))
    assert len(verdict.account[0].findings) == Kept.SHOWN


class Goes(Filter):
    """Gives many findings, and counts how many it was asked for."""

    decides = True

    def __init__(self, findings: Callable[[], Iterator[Finding]]) -> None:
        super().__init__({})
        self.findings = findings
        self.given = 0

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        for one in self.findings():
            self.given += 1
            yield one


def test_more_findings_than_are_kept_decide() -> None:
    """However many: a reject is one, and is not made a tempfail by those around it."""
    reject, plain, note = Finding("a", action="reject"), Finding("b"), Finding("c", note=True)
    tag, score = Finding("d", headers=[("X-A", "1")]), Finding("e", score=0.001)
    many = 150_000
    for findings, action, verdict in (
        (lambda: repeat(reject), None, "reject"),
        (lambda: repeat(plain), "reject", "reject"),
        (lambda: repeat(plain), "accept", "accept"),
        (lambda: chain(repeat(plain, many), [reject]), None, "reject"),
        (lambda: chain(repeat(note, many), [Finding("x", action="tempfail")], repeat(plain, many)), None, "tempfail"),
        (lambda: chain([reject], repeat(score)), None, "reject"),
        (lambda: repeat(plain, many), "tag", "accept"),
        (lambda: repeat(plain, many), None, "accept"),
    ):
        said = judge(rule(Goes(findings), **({"action": action} if action else {})))
        assert (said.action, said.account[0].outcome) == (verdict, "found"), (verdict, said.account[0].why)
    assert judge(rule(Goes(lambda: chain(repeat(plain, many), [tag])))).edits.add == (("X-A", "1"),)
    held = judge(rule(Goes(lambda: chain(repeat(note, many), [Finding("q", action="quarantine")]))))
    assert held.quarantine
    added = judge(rule(Goes(lambda: repeat(score, 50_000))), reject=50.0)
    assert (added.action, added.score) == ("reject", 50.0)
    stopped = Goes(lambda: repeat(reject))
    judge(rule(stopped))
    assert stopped.given == Kept.SHOWN
    assert judge(rule(Goes(lambda: repeat(tag)))).account[0].outcome == "error"


class Slow(Filter):
    """Asks what takes 300 ms to be answered, and finds what the answer says."""

    asks_network = True

    def __init__(self, name: str, seconds: float = 0.3, broken: bool = False) -> None:
        super().__init__({})
        self.name = name
        self.seconds = seconds
        self.broken = broken

    def get(self) -> tuple[str, tuple[bytes, ...], str]:
        time.sleep(self.seconds)
        return "", (f"{self.name} in {os.getpid()}".encode(),), ""

    def ask(self, mail: Mail, outside: Outside) -> None:
        if self.broken:
            raise ValueError("broken")
        outside.obtain(("slow", self.name), self.get)

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        _, (answer,), _ = outside.obtain(("slow", self.name), self.get)
        yield Finding("slow.answer", answer.decode())


def test_a_rule_that_has_spoken_waits_for_none_of_those_below() -> None:
    began = time.monotonic()
    verdict = judge(
        rule(Says(FOUND), action="reject", name="trap"),
        *(rule(Slow(str(n)), action="tag", name=str(n)) for n in range(5)),
    )
    assert (verdict.action, verdict.rule) == ("reject", "trap")
    assert time.monotonic() - began < 0.25


def test_five_slow_rules_take_no_longer_than_one() -> None:
    began = time.monotonic()
    verdict = judge(*(rule(Slow(str(n)), action="tag", name=str(n)) for n in range(5)))
    assert time.monotonic() - began < 0.5
    said = [asked.findings[0].detail.split(" in ") for asked in verdict.account]
    assert [name for name, _ in said] == ["0", "1", "2", "3", "4"]
    # All were asked by one process, and it was not this one, which has no threads and may fork.
    assert len({process for _, process in said}) == 1
    assert said[0][1] != str(os.getpid())


def test_the_answer_that_ends_it_waits_for_no_slower_one_below() -> None:
    began = time.monotonic()
    verdict = judge(
        rule(Slow("quick", 0.05), action="reject", name="quick"), rule(Slow("slow", 5), action="tag", name="slow")
    )
    assert (verdict.action, verdict.rule) == ("reject", "quick")
    assert time.monotonic() - began < 0.3


def test_what_goes_wrong_beforehand_is_met_again_in_its_turn() -> None:
    (asked,) = judge(rule(Slow("x", 0.01, broken=True), action="tag")).account
    assert asked.findings[0].detail == f"x in {os.getpid()}"


def test_a_rule_that_is_not_asked_asks_nothing_beforehand() -> None:
    class Asks(Slow):
        def ask(self, mail: Mail, outside: Outside) -> None:
            open(self.name, "w").close()

    with tempfile.TemporaryDirectory() as folder:
        judge(
            rule(Asks(f"{folder}/a", 0.0), action="tag", when={"senders": "nobody@else.example"}),
            rule(Asks(f"{folder}/b", 0.0), action="tag"),
        )
        assert os.listdir(folder) == ["b"]


def test_no_process_is_left_behind() -> None:
    before = children()  # of other tests: who watches over own Python lives as long as we
    judge(rule(Says(FOUND), action="reject"), rule(Slow("x", 5), action="tag"))
    assert children() == before


def test_a_trial_accepts_and_says_what_would_have_been() -> None:
    verdict = judge(
        rule(Says(Finding("x", headers=[("X-A", "1")], edits=Edits(body=b"gone"))), action="tag"),
        rule(Says(FOUND), action="reject", name="one"),
        trial=True,
    )
    assert (verdict.action, verdict.would, verdict.code) == ("accept", "reject 5.7.1 one", "")
    assert verdict.edits.add == (("X-Mailscan-Would", "reject 5.7.1 one"), ("X-A", "1"))
    assert verdict.edits.body is None
    assert verdict.edits.remove == ("X-mailscan-score",)
    held = judge(rule(Says(FOUND), action="quarantine", name="hold"), trial=True)
    assert (held.would, held.quarantine) == ("quarantine hold", "")
    assert held.edits.add == (("X-Mailscan-Would", "quarantine hold"),)
    assert judge(rule(Says()), trial=True).would == ""


ACTIONS = st.sampled_from(["accept", "reject", "tempfail", "quarantine", "tag", "score", "ignore"])
RULES = st.lists(st.tuples(st.booleans(), ACTIONS, st.integers(1, 9), st.sampled_from([None, crash])), max_size=8)


@given(RULES)
def test_the_rule_of_decision_over_random_policies(drawn: list[tuple[bool, str, int, Any]]) -> None:
    """Against the contract's three sentences, written down once more without a walk."""
    expected, score = None, 0
    for finds, action, points, does in drawn:
        if does:
            expected = "tempfail"
        elif finds and action in ("accept", "reject", "tempfail"):
            expected = action
        elif finds and action == "score":
            score += points
        if expected:
            break
    expected = expected or ("reject" if score >= 12 else "accept")
    rules = [
        rule(Says(*[FOUND] * finds, does=does), action=action, score=points, name=str(number))
        for number, (finds, action, points, does) in enumerate(drawn)
    ]
    for thorough in (False, True):
        assert judge(*rules, thorough=thorough, tag=5.0, reject=12.0).action == expected
