"""`python -m mailscan`."""

from mailscan.cli import main

if __name__ == "__main__":
    main()
