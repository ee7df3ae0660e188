"""Faults injected for real: processes killed, disks full, files damaged, power cut.

A child process (`child`) does what users do and writes into a `journal` what it was told is done; it is killed, or its
disk is taken away; then the `checker` opens what is left, by itself and through the store, and lists whatever does not
agree with the journal. `storm` and `swaps` do this as often as asked: `make faults`.
"""
