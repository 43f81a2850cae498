"""All benchmarks that measure time, one after another."""

from benchmarks import frontend, interpreter, startup, torch_module, training

startup.main()
frontend.main()
training.main()
torch_module.main()
interpreter.main([])
