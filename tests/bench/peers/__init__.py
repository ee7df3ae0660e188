"""Other ways to search the same documents with the same embedder. They need the extra `bench`."""
