"""Pretraining: the language model learns from the product's own texts, before any task or without one.

Start at `train.pretrain`; `course` lays out what is learned from what.
"""
