"""What an instructor runs: a lesson presented live, a class on JupyterHub, packages for a room without network."""
