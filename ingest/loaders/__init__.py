"""One file per family of formats: the bytes of a source become documents."""
