"""The same six trainings done in five ways, each a script in a process of its own."""
