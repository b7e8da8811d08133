"""Files that are written whole or not at all: their links and permissions are those that they had."""

import os

import numpy as np
import pytest

from mxmac.errors import UserError
from mxmac.files import check_writable, written_together, written_whole


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, text="new"):
    with written_whole(path) as temporary:
        temporary.write_text(text)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_the_target_of_a_link_is_written(folder, absolute, there):
    target, link = folder / "other" / "real.v", folder / "link.v"
    target.parent.mkdir()
    link.symlink_to(target if absolute else "other/real.v")
    if there:
        target.write_text("old")
    write(link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert names(folder) == ["link.v", "other", "other/real.v"]


def test_a_link_to_a_link_stays(folder):
    (folder / "first").symlink_to("second")
    (folder / "second").symlink_to("real")
    write(folder / "first")
    assert (folder / "first").is_symlink()
    assert (folder / "second").is_symlink()
    assert (folder / "real").read_text() == "new"


def test_a_link_that_fails_leaves_its_target(folder):
    (folder / "real").write_text("old")
    (folder / "link").symlink_to("real")

    def interrupted():
        with written_whole(folder / "link") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_text() == "old"
    assert names(folder) == ["link", "real"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o664])
def test_a_file_keeps_its_permissions(folder, mode):
    path = folder / "x.v"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", mode)


def test_a_file_behind_a_link_keeps_its_permissions(folder):
    (folder / "real").write_text("old")
    (folder / "real").chmod(0o600)
    (folder / "link").symlink_to("real")
    write(folder / "link")
    assert (folder / "real").stat().st_mode & 0o777 == 0o600


def test_a_new_file_has_the_permissions_of_any_new_file(folder):
    before = os.umask(0o027)
    try:
        write(folder / "x.v")
    finally:
        os.umask(before)
    assert (folder / "x.v").stat().st_mode & 0o777 == 0o640


def test_the_suffix_is_that_of_the_link(folder):
    """numpy.savez adds one where it finds another."""
    (folder / "link.npz").symlink_to("real.bin")
    with written_whole(folder / "link.npz") as temporary:
        np.savez(temporary, a=1)
    assert names(folder) == ["link.npz", "real.bin"]
    assert np.load(folder / "link.npz")["a"] == 1


def test_a_failure_puts_back_every_target(folder, monkeypatch):
    for name in ("a", "b"):
        (folder / f"real_{name}").write_text("old")
        (folder / name).symlink_to(f"real_{name}")
    real = type(folder).replace

    def replace(self, target):
        if target.name == "real_b":
            raise OSError("no")
        return real(self, target)

    monkeypatch.setattr(type(folder), "replace", replace)

    def write_both():
        with written_together(folder / "a", folder / "b") as temporaries:
            for temporary in temporaries:
                temporary.write_text("new")

    with pytest.raises(OSError, match="no"):
        write_both()
    assert [(folder / name).read_text() for name in ("a", "b")] == ["old", "old"]
    assert names(folder) == ["a", "b", "real_a", "real_b"]


@pytest.mark.parametrize("other", ["x", "./x", "link", "sub/../x"])
def test_one_file_under_two_names_is_refused(folder, other):
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("x")
    with (
        pytest.raises(UserError, match=r"same file as '.*x'; give another name"),
        written_together(folder / "x", folder / other),
    ):
        pytest.fail("must not be reached")
    assert names(folder) == ["link", "sub"]


def test_a_link_that_leads_nowhere_is_refused(folder):
    (folder / "loop").symlink_to("loop")
    (folder / "lost").symlink_to("nowhere/x")
    for name, message in (("loop", "leads back to itself"), ("lost", "directory '.*nowhere' does not exist")):
        with pytest.raises(UserError, match=message) as error:
            check_writable(folder / name)
        assert error.value.parameter == str(folder / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_file_is_refused(folder):
    (folder / "x").write_text("old")
    (folder / "x").chmod(0o444)
    with pytest.raises(UserError, match="read-only"):
        write(folder / "x")
    assert (folder / "x").read_text() == "old"
