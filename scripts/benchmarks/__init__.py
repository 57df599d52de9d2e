"""One file per benchmark: `arguments` defines its options, `measure` yields or returns rows."""
