"""One adapter per model library. Nothing here is imported until `plugins` makes it, and no adapter knows another."""
