"""Exit codes of every command."""

EXIT_USAGE = 2  # a mistake in the command line, or in a file that it names
EXIT_FAILED = 3  # something asked for could not be completed
EXIT_SIGNAL = 128  # plus the number of the signal, as shells report it: 130, 143
