"""``python -m llmload``."""

from llmload.cli import main

if __name__ == "__main__":
    main()
