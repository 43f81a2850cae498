"""All benchmarks that measure time, one after another."""

from benchmarks import frontend, startup, training

startup.main()
frontend.main()
training.main()
