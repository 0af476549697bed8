"""`python -m training`: the entry point."""

from training.cli import main
from training.memory import restart_with_large_heap

if __name__ == "__main__":
    restart_with_large_heap()
    main()
