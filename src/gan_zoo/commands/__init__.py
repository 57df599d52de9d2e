"""The commands beside train, for `gan-zoo NAME` and scripts/NAME.py; `main()` reads sys.argv."""
