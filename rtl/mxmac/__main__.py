"""Entry point of ``mxmac``, as a command and as ``python -m mxmac``.

It imports next to nothing: the imports of the command take a while, and Ctrl-C may come meanwhile.
"""

from .interrupt import importing

__all__ = ["main"]


def main():
    """Run the command; see :func:`mxmac.cli.app.main`."""
    with importing():
        from .cli.app import main as run
    run()


if __name__ == "__main__":
    main()
