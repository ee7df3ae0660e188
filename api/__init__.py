"""The faces of the service: HTTP and the command line. `compose` is the one place that builds things."""
