"""The language model at the heart: where it lies, how it reads a text, and the vectors it gave, kept."""
