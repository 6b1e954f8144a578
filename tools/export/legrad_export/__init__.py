"""Writes stock vision transformers as folders that legrad reads: towers, tokenizer, preprocessing, labels and checks."""
