"""The magics: they parse a line and call what does the work."""
