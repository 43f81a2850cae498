"""All benchmarks that measure time, one after another."""

from benchmarks import frontend, interpreter, startup, training

startup.main()
frontend.main()
training.main()
interpreter.main([])
