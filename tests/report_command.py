"""``mxmac report`` as tests call it, and what is small enough for them."""

import pytest

from mxmac.cli import app as cli

SMALL = ["--a", "E2M1", "--b", "E2M1", "--part", "multiplier"]
WINDOW = ["--accumulator", "window", "--window", "32", "--window-guard", "8", "--output", "bf16"]


def report(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", *arguments])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err
