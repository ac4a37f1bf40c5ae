"""Downloads, from the request to the final name: of single files, and of directories."""
