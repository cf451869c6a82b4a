"""The platform's hot statements measured: against their targets, and beside those of the analysed platform."""
