"""Private values are sealed with a key of their own, and open nowhere but where they were sealed for."""

from __future__ import annotations

import logging
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import ConfigurationError, StoreError
from store.open import open_store
from store.sealing import FILE_NAME, Sealer, plainly, unsaid

REPOSITORY = Path(__file__).parents[2]
VALUES = {"<EMAIL_ADDRESS_1>": "ada@example.org", "<PHONE_NUMBER_1>": "03-1234-5678"}
PLACE = "conversation c"
A_KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))

any_text = st.text(st.characters())


def sealed(sealer: Sealer, bound_to: str = PLACE) -> bytes:
    blob = sealer.seal(VALUES, bound_to=bound_to)
    assert blob is not None
    return blob


@given(st.dictionaries(any_text, any_text, min_size=1, max_size=4), any_text)
def test_what_is_sealed_comes_back_there_and_nowhere_else(values: dict[str, str], place: str) -> None:
    sealer = Sealer(home=Path("unused"), vault_key=A_KEY)
    blob = sealer.seal(values, bound_to=place)
    assert sealer.open(blob, bound_to=place) == values
    assert sealer.open(blob, bound_to=f"{place} else") == {}


def test_nothing_is_sealed_as_nothing(tmp_path: Path) -> None:
    sealer = Sealer(home=tmp_path)
    assert sealer.seal({}, bound_to=PLACE) is None
    assert sealer.open(None, bound_to=PLACE) == {}
    assert list(tmp_path.iterdir()) == []


@given(st.data())
def test_a_blob_that_was_changed_tells_nothing_else(data: st.DataObject) -> None:
    sealer = Sealer(home=Path("unused"), vault_key=A_KEY)
    blob = bytearray(sealed(sealer))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    # Some bits at the end of base64 mean nothing.
    assert sealer.open(bytes(blob), bound_to=PLACE) in ({}, VALUES)
    assert sealer.open(bytes(blob[:at]), bound_to=PLACE) == {}
    blob[len(blob) // 2] ^= 1
    assert sealer.open(bytes(blob[: len(blob) // 2 + 1]), bound_to=PLACE) == {}


def test_another_key_opens_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    blob = sealed(Sealer(home=Path("unused"), vault_key=A_KEY))
    other = Sealer(home=Path("unused"), vault_key=OTHER_KEY)
    with caplog.at_level(logging.DEBUG):
        assert [other.open(blob, bound_to=PLACE) for _ in range(3)] == [{}, {}, {}]
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "do not open with the key" in warning.getMessage()
    assert not any(value in caplog.text for value in (*VALUES, *VALUES.values(), A_KEY, OTHER_KEY))


def test_of_several_keys_the_first_seals_and_all_open() -> None:
    old = Sealer(home=Path("unused"), vault_key=A_KEY)
    both = Sealer(home=Path("unused"), vault_key=f" {OTHER_KEY}, {A_KEY} ")
    new = Sealer(home=Path("unused"), vault_key=OTHER_KEY)
    assert both.open(sealed(old), bound_to=PLACE) == VALUES
    assert new.open(sealed(both), bound_to=PLACE) == VALUES
    assert old.open(sealed(both), bound_to=PLACE) == {}


def test_the_key_in_home_is_made_when_it_is_needed_for_its_owner_alone(tmp_path: Path) -> None:
    sealer = Sealer(home=tmp_path)
    opened_before = Sealer(home=tmp_path)
    blob = sealed(sealer)
    (file,) = tmp_path.iterdir()
    assert file.name == FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = file.read_bytes()
    for other in (opened_before, Sealer(home=tmp_path)):
        assert other.open(blob, bound_to=PLACE) == VALUES
        assert sealer.open(sealed(other), bound_to=PLACE) == VALUES
    assert file.read_bytes() == kept


@pytest.mark.parametrize("setting", [None, "", " , "])
def test_a_blank_setting_is_none(tmp_path: Path, setting: str | None) -> None:
    blob = sealed(Sealer(home=tmp_path, vault_key=setting))
    assert Sealer(home=tmp_path).open(blob, bound_to=PLACE) == VALUES


def test_a_key_of_the_settings_makes_no_file_and_reads_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    sealed(Sealer(home=tmp_path, vault_key=A_KEY))


def test_several_keys_in_the_file_are_as_those_of_the_setting(tmp_path: Path) -> None:
    blob = sealed(Sealer(home=tmp_path, vault_key=A_KEY))
    file = tmp_path / FILE_NAME
    file.touch(mode=0o600)
    file.write_text(f"{OTHER_KEY}\n{A_KEY}\n")
    both = Sealer(home=tmp_path)
    assert both.open(blob, bound_to=PLACE) == VALUES
    assert Sealer(home=tmp_path, vault_key=OTHER_KEY).open(sealed(both), bound_to=PLACE) == VALUES


def test_a_lost_key_fails_nothing(tmp_path: Path) -> None:
    blob = sealed(Sealer(home=tmp_path))
    (tmp_path / FILE_NAME).unlink()
    later = Sealer(home=tmp_path)
    assert later.open(blob, bound_to=PLACE) == {}
    assert later.open(sealed(later), bound_to=PLACE) == VALUES


_SEALING = """
import sys
from pathlib import Path
from store.sealing import Sealer
sealer = Sealer(home=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(sealer.seal({"<EMAIL_ADDRESS_1>": sys.argv[2]}, bound_to="c").decode())
"""


def test_processes_that_make_the_key_at_once_agree(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _SEALING, str(tmp_path), f"n{number}@example.org"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    blobs = [process.communicate()[0].strip().encode() for process in started]
    sealer = Sealer(home=tmp_path)
    for number, blob in enumerate(blobs):
        assert sealer.open(blob, bound_to="c") == {"<EMAIL_ADDRESS_1>": f"n{number}@example.org"}
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(A_KEY)
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"chmod 600 .*{FILE_NAME}") as told:
        open_store(home=tmp_path)
    assert A_KEY not in str(told.value)


def test_a_link_in_the_place_of_the_key_is_refused(tmp_path: Path) -> None:
    known = tmp_path / "known to somebody"
    known.touch(mode=0o600)
    known.write_text(A_KEY)
    (tmp_path / FILE_NAME).symlink_to(known)
    with pytest.raises(ConfigurationError, match=rf"{FILE_NAME} is a link"):
        Sealer(home=tmp_path)


@pytest.mark.parametrize(
    "keys",
    ["secret", A_KEY[:-4], f"{A_KEY}AAAA", f"{A_KEY},secret", "ключ", A_KEY.replace(A_KEY[7], "!")],
    ids=["a word", "too short", "too long", "one that is one", "other letters", "a sign"],  # the key is a random one
)
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, keys: str) -> None:
    file = tmp_path / FILE_NAME
    file.touch(mode=0o600)
    file.write_text(keys, "utf-8")
    for setting, named in ((keys, "vault_key"), (None, str(file))):
        with pytest.raises(ConfigurationError, match="not a key; this prints a new one") as told:
            Sealer(home=tmp_path, vault_key=setting)
        assert named in str(told.value)
        assert not any(key in str(told.value) for key in keys.split(","))


def test_an_empty_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.touch(mode=0o600)
    with pytest.raises(ConfigurationError, match="is empty"):
        Sealer(home=tmp_path)
    file.unlink()
    file.mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="not a file"):
        Sealer(home=tmp_path)


def test_a_home_that_cannot_take_the_key_is_named(tmp_path: Path) -> None:
    sealer = Sealer(home=tmp_path / "gone")
    with pytest.raises(StoreError, match=rf"gone/{FILE_NAME} cannot be written"):
        sealed(sealer)


@given(any_text, any_text, any_text.filter(lambda value: bool(value.strip())))
def test_a_value_that_a_text_says_is_found_in_it(before: str, after: str, value: str) -> None:
    texts = [f"{before} {value} {after}", "something else"]
    assert unsaid({"<PERSON_1>": value}, plainly(texts)) == {}


def test_a_value_is_found_in_whatever_case_width_and_spacing() -> None:
    values = {
        "<PERSON_1>": "Ada  Lovelace",
        "<PHONE_NUMBER_1>": "０３-１２３４",
        "<PERSON_2>": "Grace",
        "<PERSON_3>": "Alan",
    }
    said = plainly(["ADA\nLOVELACE", "Call 03-1234 or <PERSON_2>."])
    assert unsaid(values, said) == {"<PERSON_3>": "Alan"}
