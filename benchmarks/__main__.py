"""All benchmarks that measure time or memory, one after another."""

from benchmarks import frontend, interpreter, memory, startup, torch_module, training

startup.main()
frontend.main()
training.main()
torch_module.main()
interpreter.main([])
memory.main([])
