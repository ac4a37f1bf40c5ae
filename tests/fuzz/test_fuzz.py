"""The fuzz targets without a fuzzer: what was worth keeping still breaks nothing."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from twisted.internet.defer import fail

from p2pfs import names
from p2pfs.chunks import FileInfo
from p2pfs.peer.serving import ServingProtocol
from p2pfs.peer.storage import PartFile
from p2pfs.tracker.directory import Directory
from p2pfs.wire import Pending
from p2pfs.wire import messages as m
from tests.conftest import LoggedFailures
from tests.fuzz import CORPUS, HERE, TARGETS
from tests.fuzz.faults import Fault, check, no_logged_failures
from tests.fuzz.mutation import mutate
from tests.fuzz.replay import corpus, target
from tests.fuzz.script import MAX_STEPS, SEPARATOR, script, steps
from tests.fuzz.seeds import seeds

MIB = 1 << 20


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_breaks_no_promise(name: str) -> None:
    """What fuzzing found is not found again, in any target."""
    run = target(name)
    files = corpus(name)
    assert files
    for file in files:
        try:
            run(file.read_bytes())
        except Exception as error:
            error.args = (f"{file.relative_to(HERE)}: {error}",)
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_can_be_run(name: str) -> None:
    """A fuzzer's input needs no form: neither emptiness nor noise is an error of the target."""
    run = target(name)
    for data in (b"", SEPARATOR * 9, bytes(range(256)), b">" * 50, script(*["+.999"] * 999)):
        run(data)


def _echo_at_once(self: ServingProtocol, message: m.Message, line: bytes) -> None:
    if isinstance(message, m.PeerPingPong):
        self.send_bytes(line + b"\n")
    else:
        self._enqueue(message, len(line))


def _shifted(
    part: PartFile, offset: int, pieces: Sequence[bytes], write: Any = PartFile.write
) -> None:
    write(part, offset + 1, pieces)


@pytest.mark.parametrize(
    ("name", "place", "attribute", "planted"),
    [
        ("messages", m, "encode", lambda message: m._encoder.encode(message) + b"\n\n"),
        ("values", names, "_objection", lambda name: None),
        ("tracker", Directory, "leave", lambda self, peer, now: None),
        ("serving", ServingProtocol, "message_received", _echo_at_once),
        ("source", PartFile, "write", _shifted),
        ("tracker_client", Pending, "fail", lambda self, error: None),
    ],
    ids=TARGETS,
)
def test_a_target_sees_a_defect(
    name: str,
    place: object,
    attribute: str,
    planted: object,
    monkeypatch: pytest.MonkeyPatch,
    logged_failures: LoggedFailures,
) -> None:
    """A target that cannot fail protects nothing: a defect planted is a fault with the corpus."""
    monkeypatch.setattr(place, attribute, planted)
    run = target(name)
    with pytest.raises(Fault):  # noqa: PT012 - which of the files shows it does not matter
        for file in corpus(name):
            run(file.read_bytes())
    gc.collect()
    logged_failures.flush()


def test_decoding_takes_memory_for_what_came() -> None:
    """No number in a message makes the decoder or the validators allocate by it."""
    info = b'{"filesize":%d,"totalchunknum":%d,"chunksize":%d}'
    huge = b'{"type":"REQUEST_PUBLISH","filename":"f","fileinfo":' + info + b"}"
    inputs = [huge % (10**15, 10**15, 1), huge % (1 << 62, 1 << 32, 1 << 30), b"9" * 4000]
    inputs += [file.read_bytes() for file in corpus("messages")]
    run = target("messages")
    tracemalloc.start()
    try:
        for data in inputs:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            run(data)
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < MIB, data[:200]
    finally:
        tracemalloc.stop()


def test_the_seeds_are_in_the_corpus() -> None:
    """`python -m tests.fuzz.seeds` wrote them, and nobody changed the one without the other."""
    made = {(name, f"seed-{seed}"): data for name, seed, data in seeds()}
    kept = {
        (name, file.name): file.read_bytes()
        for name in TARGETS
        for file in corpus(name)
        if file.name.startswith("seed-")
    }
    assert kept == made


def test_the_corpus_stays_small() -> None:
    """It is replayed with every run of the tests, and is in every clone."""
    files = [file for name in TARGETS for file in corpus(name)]
    assert len(files) < 300
    assert sum(file.stat().st_size for file in files) < 500_000
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)


def test_the_dictionary_knows_every_message_and_field() -> None:
    """A message that is new to the protocol is fuzzed by its name."""
    text = (HERE / "dictionary.txt").read_text()
    classes = get_args(m.Message)
    words = {m.type_of(kind) for kind in classes}
    words |= {name for kind in (*classes, FileInfo) for name in kind.__struct_fields__}
    assert not [word for word in words if f'\\"{word}\\"' not in text]


def test_a_failure_that_is_only_logged_is_a_fault(logged_failures: LoggedFailures) -> None:
    """Twisted logs what nobody handles, and goes on."""
    with pytest.raises(Fault, match="ZeroDivisionError"), no_logged_failures():
        fail(ZeroDivisionError())
    assert logged_failures.flush()
    with no_logged_failures():
        pass


def test_a_broken_promise_is_a_fault() -> None:
    """Whatever is checked is told in its own words."""
    check(True, "kept")
    with pytest.raises(Fault, match="not kept"):
        check(False, "not kept")


def test_a_script_is_its_steps() -> None:
    """Steps come out as they went in, numbers within their bounds, and never too many."""
    first, second = steps(script(b">1\x00{\n", "", "x", "+.77"))
    assert (first.what, first.whom, first.rest) == (">", ord("1"), b"\x00{\n")
    assert (second.what, second.number(60), second.number(600)) == ("+", 60, 77)
    assert len(list(steps(script(*["+."] * 9999)))) == MAX_STEPS


def test_mutations_change_the_order_of_whole_steps() -> None:
    """Half of them leave every step as it was: swapped, doubled, or gone."""
    data = script(">0a", ">1b", "+.1")
    known = set(data.split(SEPARATOR))

    def within(piece: bytes, most: int) -> bytes:
        return (piece + b"~")[:most]

    made = [mutate(data, 100, seed, within) for seed in range(200)]
    whole = [one for one in made if set(one.split(SEPARATOR)) <= known]
    assert {len(one.split(SEPARATOR)) for one in whole} == {2, 3, 4}
    assert any(one == data + b"~" for one in made)
    assert all(len(mutate(data, 5, seed, within)) <= 5 for seed in range(50))
