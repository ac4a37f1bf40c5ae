"""Configuration files: what they may say, and errors that name the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.daemon.config import MOST_BYTES, Configuration, Kind
from p2pfs.errors import StartupProblem

KINDS = {"tracker": Kind.TEXT, "upload-rate": Kind.TEXT, "share": Kind.LIST, "loud": Kind.FLAG}


def read(text: str | bytes) -> Configuration:
    """What a file with that text says."""
    return Configuration(text.encode() if isinstance(text, str) else text, "f.toml", KINDS)


def refusal(text: str | bytes) -> str:
    """What is said of it."""
    with pytest.raises(StartupProblem) as caught:
        read(text)
    return str(caught.value)


def test_every_kind_of_option_has_its_value() -> None:
    """A list of one may be written as text; a mark at the beginning of the file is no text."""
    text = '# ours\ntracker = "tcp:t:1"\n"upload-rate" = \'1M\'\nshare = ["a",\n"b"]\nloud = true'
    values = {"tracker": "tcp:t:1", "upload-rate": "1M", "share": ["a", "b"], "loud": True}
    assert read(text).values == values
    assert read(b"\xef\xbb\xbf" + text.encode()).values == values
    assert read('share = "a"').values == {"share": ["a"]}
    assert read("").values == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x\n", "f.toml, line 1: this is not TOML (Expected '='"),
        ('\ntracker = "a', "f.toml, line 2: this is not TOML (Unterminated string)"),
        ('loud = true\nloud = "x"', "f.toml, line 2: this is not TOML (Cannot overwrite a value"),
        (b"\n\ntracker = '\xff'", "f.toml, line 3: this is not UTF-8"),
        ("loud = " + "1" * 5000, "f.toml: this is not TOML (a value is out of range)."),
        ("share = " + "[" * 5000, "f.toml"),
        ("#" * (MOST_BYTES + 1), "f.toml: this is longer than"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str | bytes, said: str) -> None:
    """As far as the parser knows it."""
    assert refusal(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ntraker = 1", "line 2: there is no option 'traker'; did you mean 'tracker'?"),
        ("upload_rate = 1", "line 1: there is no option 'upload_rate'; did you mean 'upload-rate'"),
        (
            "qqqqqqqqqq = 1",
            "line 1: there is no option 'qqqqqqqqqq'; there are loud, share, tracker, upload-rate.",
        ),
        ("loud = true\n[peer]\na = 1", "line 2: 'peer' is a table; options stand by themselves"),
        ('[["x"]]', "line 1: there is no option 'x'"),
        ('"\\u001b[2J" = 1', "f.toml: there is no option '\\u001b[2J'"),
    ],
)
def test_what_is_no_option_is_told_with_one_that_is(text: str, said: str) -> None:
    """Typing errors and tables; what a terminal would obey is escaped."""
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tracker = 6880", """line 1: 'tracker' is to be text in quotes, such as tracker = "…"."""),
        ("\ntracker.host = 'x'", "line 2: 'tracker' is to be text in quotes"),
        ("[tracker]", "line 1: 'tracker' is to be text in quotes"),
        ("loud = 'yes'", "line 1: 'loud' is to be true or false, without quotes."),
        ("loud = 1", "line 1: 'loud' is to be true or false"),
        ("share = [1]", "line 1: 'share' is to be a list of texts in quotes"),
        ("share = [['a']]", "line 1: 'share' is to be a list of texts in quotes"),
        ("tracker = true", "line 1: 'tracker' is to be text"),
        ("tracker = 2020-01-01", "line 1: 'tracker' is to be text"),
        ('share = ["a\\u0000b"]', "line 1: 'share' has a character of number 0 in it"),
    ],
)
def test_a_value_of_another_kind_is_told_with_how_it_is_written(text: str, said: str) -> None:
    """Without a guess at what it might mean."""
    assert said in refusal(text)


def test_what_only_looks_like_the_option_is_not_taken_for_it() -> None:
    """In a comment, in a text of several lines, as part of another name."""
    text = '#loud = 1\nupload-rate = """\nloud = 2\n"""\nshare = [\n"loud = 3"]\n\tloud = true'
    assert str(read(text).problem("loud", "No.")) == "f.toml, line 7: No."


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_arbitrary_bytes_are_read_or_refused_in_a_sentence(data: bytes) -> None:
    """There is no other outcome, whatever the file is."""
    try:
        said = f"f.toml {Configuration(data, 'f.toml', KINDS).values}"
    except StartupProblem as error:
        said = str(error)
    assert said.startswith("f.toml")
    assert said.isprintable()


_KEY = st.sampled_from(["tracker", "share", "loud", "other", "[tracker]", "share.x", '"loud"'])
_VALUE = st.sampled_from(
    ['"a"', "true", "1", "1e400", "[]", "['a',\n'b']", "[[]]", "{a=1}", '"""\nloud = 1\n"""', ""]
)


@given(st.lists(st.tuples(_KEY, _VALUE), max_size=5))
def test_arbitrary_toml_has_options_of_their_kind_or_is_refused(
    lines: list[tuple[str, str]],
) -> None:
    """And where a line is named, it is one of the file."""
    text = "\n".join(f"{key} = {value}" for key, value in lines)
    try:
        values = read(text).values
    except StartupProblem as error:
        where, colon, _ = str(error).partition(": ")
        assert colon
        number = where.removeprefix("f.toml").removeprefix(", line ")
        assert not number or 1 <= int(number) <= text.count("\n") + 1
    else:
        of_kind = {Kind.TEXT: str, Kind.LIST: list, Kind.FLAG: bool}
        assert all(isinstance(value, of_kind[KINDS[name]]) for name, value in values.items())
