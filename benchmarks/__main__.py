"""All benchmarks that measure time, one after another."""

from benchmarks import frontend, startup

startup.main()
frontend.main()
