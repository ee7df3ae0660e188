"""Hashes of model files, and folders that are made once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grounding.errors import ModelError
from grounding.models import weights


class Maker:
    """Writes a model of one file, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0
        self._lock = threading.Lock()

    def __call__(self, target: Path) -> None:
        with self._lock:
            self.calls += 1
        (target / "sub").mkdir()
        (target / "sub" / "model.bin").write_bytes(b"weights")


NEEDED = ("sub/model.bin",)


def test_a_file_with_the_pinned_hash_passes(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    weights.check(file, expected=weights.sha256(file), package="some-model")


def test_a_changed_file_is_refused_and_named(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    expected = weights.sha256(file)
    file.write_bytes(b"weightz")
    with pytest.raises(ModelError, match=r"model\.bin: SHA-256 is .* reinstall the package 'some-model'"):
        weights.check(file, expected=expected, package="some-model")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.bin: cannot be read .* reinstall"):
        weights.check(tmp_path / "model.bin", expected="0", package="some-model")


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    make = Maker()
    for _ in range(3):
        folder = weights.made_once(tmp_path / "models" / "m", make=make, needed=NEEDED)
        assert (folder / "sub" / "model.bin").read_bytes() == b"weights"
    assert make.calls == 1


def test_of_many_that_need_it_one_makes_it(tmp_path: Path) -> None:
    make = Maker()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: weights.made_once(tmp_path / "m", make=make, needed=NEEDED), range(8)))
    assert make.calls == 1


@pytest.mark.parametrize(
    "damage", ["changed", "gone", "manifest gone", "manifest not JSON", "manifest of another form"]
)
def test_a_damaged_folder_is_made_again(tmp_path: Path, damage: str) -> None:
    make = Maker()
    folder = weights.made_once(tmp_path / "m", make=make, needed=NEEDED)
    match damage:
        case "changed":
            (folder / "sub" / "model.bin").write_bytes(b"weightz")
        case "gone":
            (folder / "sub" / "model.bin").unlink()
        case "manifest gone":
            (folder / weights.MANIFEST).unlink()
        case "manifest not JSON":
            (folder / weights.MANIFEST).write_text("{", "utf-8")
        case _:
            (folder / weights.MANIFEST).write_text("[]", "utf-8")
    weights.made_once(folder, make=make, needed=NEEDED)
    assert make.calls == 2
    assert (folder / "sub" / "model.bin").read_bytes() == b"weights"
    assert not (folder / "replaced").exists()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        (target / "half").write_bytes(b"x")
        raise ModelError("no weights")

    with pytest.raises(ModelError, match="no weights"):
        weights.made_once(tmp_path / "m", make=fail, needed=NEEDED)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    abandoned = tmp_path / ".m.abcdef.tmp"
    abandoned.mkdir()
    (abandoned / "half").write_bytes(b"x")
    weights.made_once(tmp_path / "m", make=Maker(), needed=NEEDED)
    assert not abandoned.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file is in the way", "utf-8")
    with pytest.raises(ModelError, match=r"models.m: the model cannot be kept there"):
        weights.made_once(tmp_path / "models" / "m", make=Maker(), needed=NEEDED)
