"""Images and versions that a stand-in model fails on; see `tests.fault_worker`, which only its own process imports."""

POISON = b"poison"
BREAKING = b"breaking"

# Takes until its worker has been told to stop.
HOLDING = b"holding"

# Is answered as its first byte says; whoever draws its heat map is taken down, after a line in DRAWINGS.
DEADLY_TO_DRAW = bytes([90]) + b" deadly to draw"
DRAWINGS = "drawings.txt"

# Its checksum is wrong, says the stand-in.
DAMAGED_VERSION = "damaged"

# No image is answered by this version: each raises what nobody foresaw.
BUGGY_VERSION = "buggy"

# Takes caries for healthy and healthy for caries.
OPPOSITE_VERSION = "opposite"

# For how many seconds a worker of the stand-in works for one hint, in its environment.
DRAIN_VARIABLE = "FAULT_WORKER_DRAIN_SECONDS"
