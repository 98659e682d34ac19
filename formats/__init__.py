"""Sans-IO codecs of the three wire formats and the canonical form between them."""
