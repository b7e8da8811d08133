"""``mxmac explore``: every point once, whatever happens meanwhile."""

import itertools
import os
import signal
import socket
from contextlib import ExitStack, suppress

import pytest
from distributed import LocalCluster

from explore_checks import KEYS, explore, keys, read, start, wait_for_row
from mxmac.config import Accumulator, MacConfig, Target
from mxmac_fpga.cli import explore as command
from mxmac_fpga.report import sweep
from mxmac_fpga.report.measure import Settings
from mxmac_fpga.report.pareto import draw, front
from mxmac_fpga.report.sweep import COLUMNS, Point, Results
from svg_checks import check_texts, texts


def test_ctrl_c_ends_a_sweep_and_keeps_what_there_is(tmp_path):
    file = tmp_path / "points.csv"
    process = start(file)
    wait_for_row(file, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (130, "mxmac: interrupted\n")
    assert 0 < len(read(file)) < len(KEYS)
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]


def test_jobs_go_to_a_scheduler(tmp_path, capsys):
    file, picture = tmp_path / "points.csv", tmp_path / "picture.svg"
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0") as cluster:
        arguments = ["--lanes", "1", "--formats", "E2M1", "--scheduler", cluster.scheduler_address, "--plot", str(picture)]
        status, _, _ = explore(capsys, *arguments, "-o", str(file))
    assert status == 0
    assert keys(read(file)) == KEYS[:1]
    assert picture.exists()


def test_a_sweep_runs_beside_whatever_has_the_port_of_the_dashboard(tmp_path, capsys):
    with ExitStack() as stack:
        # Already taken by another run, or taken here; either way it is not free.
        with suppress(OSError):
            stack.enter_context(socket.create_server(("", 8787)))
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("", 8787))
        status, _, err = explore(capsys, "--lanes", "1", "--formats", "E2M1", "--jobs", "1", "-o", str(tmp_path / "points.csv"))
    assert (status, err) == (0, "")
    assert keys(read(tmp_path / "points.csv")) == KEYS[:1]


def test_what_was_measured_otherwise_is_measured_again(tmp_path, monkeypatch):
    point = Point(MacConfig(lanes=1), Settings(seeds=()))
    results = Results(tmp_path / "points.csv")
    row = dict.fromkeys(COLUMNS, "") | {"on": "ecp5", "configuration": point.configuration, "settings": point.measured_with}
    results.add(row)
    results = Results(tmp_path / "points.csv")
    assert results.lacking([point]) == []
    routed, wider = Point(point.config, Settings(seeds=(1,))), Point(MacConfig(lanes=2), Settings(seeds=()))
    assert results.lacking([point, routed, wider]) == [routed, wider]
    monkeypatch.setattr(sweep, "versions", lambda *_, **__: {"pyosys": "0"})
    assert results.lacking([point]) == [point]


def test_the_front_is_what_nothing_beats():
    assert front([(1, 10), (2, 10), (3, 30), (2.5, 40), (4, 35)]) == [1, 2, 4]
    assert front([(1, 1), (1, 1)]) == [0]


def row(**values):
    usual = {"on": "ecp5", "target": "generic", "a": "E4M3", "b": "E4M3", "lanes": 1, "accumulator": "exact", "pipeline": 2}
    return dict.fromkeys(COLUMNS, "") | usual | {"luts": 10, "macs_per_clock": 1.0} | values


def test_the_picture_has_a_panel_for_each_technology_and_escapes_names():
    picture = draw([row(a="<", b="&"), row(on="asic", luts="", area_um2=10, target="asic", pipeline=1)])
    shown = texts(picture)
    wanted = ("Area against rate: Lattice ECP5", "LUTs", "Area against rate: standard cells", "area, µm²")
    assert sorted(text for text in shown if text in wanted) == sorted(wanted)
    assert {"< × &, 1, p2", "E4M3, 1, p1", "generic", "asic", "MAC per cycle; 1 unit"} <= set(shown)


def test_texts_of_a_picture_are_apart():
    lanes = (1, 2, 4, 8, 16, 32)
    picture = draw(
        [
            row(target=target, lanes=count, pipeline=depth, luts=400 * count**0.8 * (1 + 0.04 * depth), macs_per_second=rate)
            for target in ("generic", "ecp5")
            for count in lanes
            for depth in (1, 2, 3)
            for rate in [1e8 * count * (1 + 0.02 * depth + 0.1 * (target == "ecp5"))]
        ]
    )
    check_texts(picture)
    assert draw([row()]) == draw([row()])


def test_what_is_too_large_is_named_and_does_not_change_the_axis():
    fits = row(macs_per_second=5e6)
    shown = texts(draw([fits, row(lanes=32, macs_per_clock=32.0, note="does not fit")]))
    assert "million MAC per second; 1 unit; too large for the device: E4M3, 32, p2, exact" in shown


def test_targets_and_pipelines_are_swept(capsys, tmp_path):
    file = tmp_path / "points.csv"
    arguments = ["--formats", "E2M1", "--lanes", "2", "--target", "generic,asic", "--pipeline", "1,2", "--on", "xilinx"]
    status, out, _ = explore(capsys, *arguments, "--jobs", "1", "-o", str(file))
    assert status == 0
    found = sorted(read(file), key=lambda each: (each["target"], each["pipeline"]))
    assert [(each["target"], each["pipeline"]) for each in found] == [
        *(("asic", "1"), ("asic", "2")),
        *(("generic", "1"), ("generic", "2")),
    ]
    assert {each["on"] for each in found} == {"xilinx"}
    assert all(int(each["flip_flops"]) > 10 for each in found)
    assert int(found[2]["latency"]) < int(found[3]["latency"])
    assert f"latency {found[2]['latency']} cycles" in out


def test_pipelines_of_targets_are_their_own_unless_they_are_given():
    parameters = {"a": ["E2M1"], "b": ["E2M1"], "block": 2}
    configs = command._configs(
        lambda **given: MacConfig(**parameters | {name: value for name, value in given.items() if name not in "ab"}),
        itertools.product(Target, [1, 2], [("E2M1", "E2M1")], [Accumulator.EXACT], [None]),
    )
    assert [config.pipeline for config in configs] == [2, 2, 3, 3, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "option", "accepted"),
    [
        ([], "-o", "OUT.csv"),
        (["-o", "points.csv", "--lanes", "1,x"], "--lanes", "whole numbers"),
        (["-o", "points.csv", "--lanes", "1,3"], "--lanes", "divide"),
        (["-o", "points.csv", "--formats", "E2M1,E9M9"], "--formats", "E4M3"),
        (["-o", "points.csv", "--formats", "E2M1xE9M9"], "--formats", "E4M3"),
        (["-o", "points.csv", "--accumulator", "float"], "--accumulator", "window"),
        (["-o", "points.csv", "--on", "ecp5,stratix"], "--on", "gowin"),
        (["-o", "points.csv", "--target", "ecp5,ice40"], "--target", "use --on ice40"),
        (["-o", "points.csv", "--target", "generic,ecp5", "--on", "xilinx"], "--on", "must be ecp5"),
        (["-o", "points.csv", "--pipeline", "1,x"], "--pipeline", "whole numbers"),
        (["-o", "points.csv", "--pipeline", "4"], "--pipeline", "1 to 3"),
        (["-o", "points.csv", "--jobs", "0"], "--jobs", "At least one"),
        (["-o", "points.csv", "--scheduler", "nonsense://"], "--scheduler", "tcp://"),
        (["-o", "points.svg"], "--plot", "another name"),
        (["-o", "nowhere/points.csv"], "nowhere/points.csv", "create it first"),
        (["-o", "points.csv", "--plot", "nowhere/points.svg"], "nowhere/points.svg", "create it first"),
    ],
)
def test_bad_options_are_one_line(capsys, tmp_path, monkeypatch, arguments, option, accepted):
    monkeypatch.chdir(tmp_path)
    status, _, err = explore(capsys, *arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"mxmac: {option}: ")
    assert accepted in err
    assert not list(tmp_path.iterdir())


def test_a_file_of_something_else_is_left_alone(capsys, tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("lanes,area\n1,2\n")
    status, _, err = explore(capsys, "-o", str(file))
    assert status == 2
    assert "no file that explore has written" in err
    assert file.read_text() == "lanes,area\n1,2\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--accumulator", "exact,window,fp32"), "points.csv"),
        (("--accumulator", "exact,fp32"), "--window"),
        (("--formats", "MXFP4xmxfp6_e2m3,E2M1xMXFP4", "--block", "32"), "points.csv"),
        (("--formats", "MXFP4x", "--block", "32"), "--formats"),
        (("--formats", "E2M1xMXFP4"), "--block"),
    ],
)
def test_points_are_checked_before_the_file_is_read(capsys, tmp_path, monkeypatch, arguments, named):
    """Options of the window apply to the units that have one; MX names stand in pairs like any other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("lanes,area\n1,2\n")
    status, _, err = explore(capsys, "-o", "points.csv", *arguments)
    assert status == 2
    assert err.startswith(f"mxmac: {named}: ")
