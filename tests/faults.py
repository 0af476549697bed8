"""Images that a stand-in model fails on; see `tests.fault_worker`, which only its own process imports."""

POISON = b"poison"
BREAKING = b"breaking"
