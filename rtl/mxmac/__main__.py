"""Where ``mxmac`` starts, as a command and as ``python -m mxmac``.

It imports next to nothing: what the command needs takes a while to import, and Ctrl-C may come meanwhile.
"""

import os
import signal
from contextlib import suppress

__all__ = ["main"]


def main():
    """Run the command; see :func:`mxmac.cli.app.main`."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        # Imports are not all prepared for an exception, and there is nothing to tidy up yet.
        signal.signal(signal.SIGINT, _leave)
    # What cli imports when it runs; it says what is not there.
    with suppress(ModuleNotFoundError):
        import mxmac_sim.cli.commands  # noqa: F401 - it is imported to be there already

    from .cli.app import main as run

    signal.signal(signal.SIGINT, before)
    run()


def _leave(_signal, _frame):
    os.write(2, b"mxmac: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
