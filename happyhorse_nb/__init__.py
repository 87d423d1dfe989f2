"""Make video from a notebook."""
