"""Texts token by token: the decoder's graphs, its cache, and how the next token is chosen."""
