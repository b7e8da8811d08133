"""The digits: their file, the network on the golden model, and what a unit with a wrong bit makes of it."""

import hashlib
import importlib.util
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.digits.demo import recognise
from mxmac_fpga.digits.network import FORMAT, LAYERS, Golden, Network, held_out, load, with_constant
from mxmac_sim.golden.quantize import dequantize, quantize

ROOT = Path(__file__).parents[3]
DATA = ROOT / "fpga" / "mxmac_fpga" / "data"
CONFIG = MacConfig(lanes=1)
#: Dot products for a digit: neurons of the hidden layer, and of the output.
NEURONS = 63, 10
#: What the network gets right of the 599 digits that it was not trained on, quantized or not.
RIGHT = 584

TEST = held_out(1797)
IMAGES, LABELS = load().images[TEST], load().labels[TEST]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_digits", DATA / "make_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Wrong:
    """The golden model with some bits inverted in one dot product."""

    dot_number: int
    data: int = 0
    status: int = 0
    config: MacConfig = CONFIG
    dots: int = 0

    def dot(self, a, scale_a, b, scale_b):
        data, status = Golden(self.config).dot(a, scale_a, b, scale_b)
        index = self.dot_number - self.dots
        if 0 <= index < len(data):
            data[index] ^= self.data
            status[index] ^= self.status
        self.dots += len(data)
        return data, status


def quiet(**kwargs):
    return Console(file=io.StringIO(), width=100, **kwargs)


def said(console):
    return console.file.getvalue()


# The file.


def test_images_are_those_of_scikit_learn():
    digits = load()
    content = digits.images.tobytes() + digits.labels.tobytes()
    assert hashlib.sha256(content).hexdigest() == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_training_again_gives_the_same_file(script):
    made = script.contents(load().images, load().labels)
    with np.load(DATA / "digits.npz") as file:
        assert set(file.files) == set(made)
        for name, array in made.items():
            assert array.dtype == file[name].dtype
            assert np.array_equal(array, file[name]), name


def test_training_does_not_depend_on_the_order_in_which_products_are_added(script, monkeypatch):
    monkeypatch.setattr(script, "EPOCHS", 2)
    images, labels = load().images[~TEST], load().labels[~TEST]
    once = script.train(images, labels)
    monkeypatch.setattr(script, "_product", lambda a, b: np.cumsum(a[:, ::-1, None] * b[::-1], axis=1)[:, -1])
    again = script.train(images, labels)
    assert all((once[layer] == again[layer]).all() for layer in LAYERS)


def test_a_script_without_scikit_learn_says_what_to_install(script, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr("sys.argv", ["make_digits.py", "--output", str(tmp_path / "digits.npz")])
    assert script.main() == 2
    assert capsys.readouterr().err == "make_digits: scikit-learn: It is not installed; `pip install scikit-learn` brings it\n"
    assert not list(tmp_path.iterdir())


def test_the_file_is_small():
    assert (DATA / "digits.npz").stat().st_size < 100_000


def test_pixels_are_exact_in_e4m3_and_the_corner_is_free():
    pixels = with_constant(load().images)
    assert not load().images[:, 0, 0].any()
    assert (dequantize(quantize(pixels, FORMAT)) == pixels).all()
    assert (pixels[:, 0] == 1).all()
    assert (pixels[:, 1:] * 16 == load().images.reshape(-1, 64)[:, 1:]).all()


# The network.


def test_the_network_recognises_as_many_digits_as_before_quantization():
    golden = Network(load(), CONFIG).scores(Golden(CONFIG), IMAGES).argmax(axis=1)
    fp32 = load().fp32_scores(IMAGES).argmax(axis=1)
    assert np.count_nonzero(golden == LABELS) == np.count_nonzero(fp32 == LABELS) == RIGHT
    assert (golden == fp32).all()


def test_scores_are_those_of_the_same_network_in_float64_rounded_to_fp32():
    hidden, output = (dequantize(load().weights[layer]) for layer in LAYERS)
    neurons = (with_constant(IMAGES).astype(np.float64) @ hidden.T).astype(np.float32)
    received = np.ones((len(IMAGES), 64), np.float32)
    received[:, 1:] = np.where(neurons > 0, neurons, 0)
    expected = (dequantize(quantize(received, FORMAT)) @ output.T).astype(np.float32)
    assert (Network(load(), CONFIG).scores(Golden(CONFIG), IMAGES) == expected).all()


def test_accuracies_of_the_documentation_are_those_of_golden():
    page = (ROOT / "docs" / "fpga.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (\d+) \| ([\d.]+) % \|$", page, re.M)
    assert [name for name, _, _ in rows] == ["FP32", *(fmt.name for fmt in BOARDS["icebreaker"].config.a)]
    for name, right, part in rows:
        if name == "FP32":
            scores = load().fp32_scores(IMAGES)
        else:
            config = MacConfig(a=[ELEMENT_FORMATS[name]], b=[ELEMENT_FORMATS[name]])
            scores = Network(load(), config).scores(Golden(config), IMAGES)
        assert np.count_nonzero(scores.argmax(axis=1) == LABELS) == int(right), name
        assert part == f"{int(right) / len(LABELS):.2%}".rstrip("%")


@pytest.mark.parametrize(
    "config",
    [
        MacConfig(lanes=1, accumulator=Accumulator.WINDOW),
        MacConfig(lanes=1, accumulator=Accumulator.FP32),
        MacConfig(lanes=4, output=RESULT_FORMATS["BF16"]),
        MacConfig(lanes=4, output=RESULT_FORMATS["FP16"]),
        MacConfig(lanes=1, block=16),
        MacConfig(lanes=1, block=48),
        MacConfig(lanes=1, block=1024),
        MacConfig(a=[ELEMENT_FORMATS["E5M2"], FORMAT], b=[FORMAT, ELEMENT_FORMATS["INT8"]]),
    ],
    ids=["window", "fp32", "bf16", "fp16", "block16", "block48", "block1024", "several_formats"],
)
def test_any_unit_will_do(config):
    outcome = recognise(Golden(config), count=50, console=quiet())
    assert outcome.passed
    assert outcome.accuracy == outcome.golden_accuracy
    assert outcome.accuracy >= 0.94


# Recognising.


def test_a_hundred_digits_on_the_golden_model():
    outcome = recognise(Golden(CONFIG), count=100, console=quiet())
    assert outcome.passed
    assert (outcome.mismatches, outcome.details, outcome.dots) == (0, [], 100 * sum(NEURONS))
    assert outcome.macs == 64 * outcome.dots
    assert outcome.seconds > 0
    assert (outcome.predictions == outcome.golden_predictions).all()
    assert (outcome.labels == LABELS[:100]).all()
    assert outcome.accuracy == outcome.golden_accuracy == outcome.fp32_accuracy == 0.98


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_predictions_do_not_depend_on_how_many_digits_go_at_a_time(batch):
    outcome = recognise(Golden(CONFIG), count=10, console=quiet(), batch=batch)
    whole = recognise(Golden(CONFIG), count=10, console=quiet())
    assert outcome.predictions.tolist() == whole.predictions.tolist()


@pytest.mark.parametrize("bit", range(37))
def test_one_wrong_bit_in_data_or_flags_is_found_out(bit):
    number = (0, NEURONS[0] - 1, NEURONS[0], 2 * sum(NEURONS) - 1)[bit % 4]
    wrong = {"data": 1 << bit} if bit < 32 else {"status": 1 << bit - 32}
    console = quiet()
    outcome = recognise(Wrong(number, **wrong), count=2, console=console, batch=1)
    assert not outcome.passed
    assert outcome.mismatches == 1
    (detail,) = outcome.details
    assert detail.dot == number
    assert detail.data ^ detail.golden_data == wrong.get("data", 0)
    assert detail.status ^ detail.golden_status == wrong.get("status", 0)
    assert f"Mismatch in dot product {number}: unit {detail.data:08x}" in said(console)
    assert "1 of 146 differ" in said(console)


def test_golden_predictions_are_not_those_of_a_wrong_unit():
    # Infinity is the largest score there is: the first digit, a 2, is taken for a 7.
    number = NEURONS[0] + 7
    first = Golden(CONFIG)
    outcome = recognise(first, count=1, console=quiet())
    assert outcome.predictions.tolist() == outcome.golden_predictions.tolist() == [2]

    class Infinite(Wrong):
        def dot(self, *operands):
            data, status = super().dot(*operands)
            if 0 <= (index := self.dot_number - self.dots + len(data)) < len(data):
                data[index] = 0x7F800000
            return data, status

    console = quiet()
    outcome = recognise(Infinite(number), count=1, console=console)
    assert (outcome.predictions.tolist(), outcome.golden_predictions.tolist()) == ([7], [2])
    assert (outcome.accuracy, outcome.golden_accuracy, outcome.fp32_accuracy) == (0, 1, 1)
    assert "2 as 7" in said(console)


def test_a_unit_that_is_always_wrong_is_told_in_few_lines():
    class AllWrong(Wrong):
        def dot(self, *operands):
            data, status = super().dot(*operands)
            return ~data, status

    console = quiet()
    outcome = recognise(AllWrong(0), count=8, console=console)
    assert outcome.mismatches == outcome.dots == 8 * sum(NEURONS)
    assert [detail.dot for detail in outcome.details] == [0, 1, 2]
    assert said(console).count("Mismatch in") == 3


def test_a_result_too_few_is_no_result():
    class Short(Wrong):
        def dot(self, *operands):
            data, status = super().dot(*operands)
            return data[:-1], status[:-1]

    with pytest.raises(ValueError, match=r"252 dot products came back as data \(251,\)"):
        recognise(Short(0), count=4, console=quiet())


@pytest.mark.parametrize("count", [-1, 0, 600])
def test_wrong_count_of_digits(count):
    with pytest.raises(UserError, match=rf"^digits: There are 1 to 599 digits to recognise, not {count}$") as error:
        recognise(Golden(CONFIG), count=count, console=quiet())
    assert error.value.parameter == "digits"


# What is seen.


def test_without_a_terminal_there_are_a_few_plain_lines():
    console = quiet()
    recognise(Golden(CONFIG), count=100, console=console)
    lines = said(console).split("Digits ")[0].splitlines()
    assert [line.split(" digits/s")[0].rsplit(", ", 1)[0] for line in lines] == [
        f"{done}/100 digits, {right:.1%} right, all results golden"
        for done, right in ((20, 0.95), (40, 0.95), (60, 58 / 60), (80, 78 / 80), (100, 0.98))
    ]
    assert "\x1b" not in said(console)
    assert "unit 98.00%, golden 98.00%, FP32 98.00%" in said(console)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_last_line_is_always_there(count):
    console = quiet()
    recognise(Golden(CONFIG), count=count, console=console)
    assert f"{count}/{count} digits" in said(console)


@pytest.mark.parametrize("options", [{"color_system": None}, {"color_system": "truecolor", "no_color": True}])
def test_in_a_terminal_without_colours_digits_are_seen_with_what_they_were_taken_for(options):
    console = quiet(force_terminal=True, **options)
    recognise(Golden(CONFIG), count=4, console=console)
    text = said(console)
    assert [f"read {a}, is {b}" in text for a, b in ((2, 2), (9, 5), (8, 8), (1, 1))] == [True] * 4
    rows = [re.sub(r"\x1b\[[\d;?]*[a-z]", "", line) for line in text.splitlines()[:8]]
    shades = " ░▒▓█"
    for left, image in zip((0, 18, 36, 54), IMAGES, strict=False):
        shown = [[shades.index(shade) for shade in row.ljust(72)[left : left + 16 : 2]] for row in rows]
        assert shown == (image // 4).tolist()


def test_in_colours_pixels_are_grey():
    console = quiet(force_terminal=True, color_system="truecolor")
    recognise(Golden(CONFIG), count=1, console=console)
    greys = re.findall(r"\x1b\[48;2;(\d+);\1;\1m  ", said(console).split("read")[0])
    assert [int(grey) for grey in greys] == [int(pixel) * 255 // 16 for pixel in IMAGES[0].ravel()]


@pytest.mark.parametrize(("width", "seen"), [(80, 4), (40, 2), (10, 1)])
def test_a_terminal_shows_as_many_digits_as_it_has_room_for(width, seen):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    recognise(Golden(CONFIG), count=4, console=console)
    assert said(console).split("digits/s")[0].count("read") == seen


def test_the_cursor_is_back_when_a_board_fails():
    class Lost(Wrong):
        def dot(self, *operands):
            if self.dots:
                raise ConnectionError("unplugged")
            return super().dot(*operands)

    console = quiet(force_terminal=True)
    with pytest.raises(ConnectionError, match="unplugged"):
        recognise(Lost(0), count=4, console=console)
    assert said(console).endswith("\x1b[?25h")
