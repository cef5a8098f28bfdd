"""`python -m softreg`, and the `softreg` command."""

from softreg.cli import main

if __name__ == "__main__":
    main()
