"""All benchmarks that measure time, one after another."""

from benchmarks import startup

startup.main()
