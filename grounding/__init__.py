"""The domain of Grounding: a question becomes a grounded, checked, cited answer. No SQL, no FAISS, no HTTP."""

__version__ = "0.1.0"
