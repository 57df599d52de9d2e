"""Search for settings: a space, an Optuna study, and trials, each in a process of its own."""
