"""Make the oracle importable from every test, free tests from the clock of the machine, and leave out long ones."""

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
#: What `make long` and `make pairings` name.
LONG = (HERE / "long", HERE / "pairings")

sys.path.insert(0, str(HERE))

# Jobs in the background of a script ignore Ctrl-C, and so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# On a busy machine any example may take a while.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave long tests out of a run that names no path."""
    return True if config.args_source is pytest.Config.ArgsSource.TESTPATHS and collection_path in LONG else None
