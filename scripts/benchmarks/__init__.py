"""One file per benchmark: `arguments` says what it can be asked, `measure` returns its rows."""
