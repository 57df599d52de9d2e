"""One file per benchmark: `arguments` defines its options, `measure` returns its rows."""
