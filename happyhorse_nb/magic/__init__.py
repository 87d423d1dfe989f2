"""The magics: they parse and hand over."""
