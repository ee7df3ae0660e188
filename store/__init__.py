"""The only package that knows SQL, FAISS and tantivy. SQL is the truth; the indexes are rebuildable copies."""
