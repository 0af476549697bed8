"""Images that a stand-in model fails on; see `tests.fault_worker`, which only its own process imports."""

POISON = b"poison"
BREAKING = b"breaking"

# Its checksum is wrong, says the stand-in.
DAMAGED_VERSION = "damaged"
