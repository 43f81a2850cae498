"""`netspec generate` in this process."""

from netspec.cli import main


def run(*words: str) -> int:
    """The exit code."""
    return main(["generate", *words], standalone_mode=False) or 0
