"""Where each field of each format goes: examples with every field in them, and what the codecs make of each.

Nothing here is a claim: a field is taken out of an example, and what changes on the other side is where it goes. The page
`docs/formats.md` is written from that (`make fields`), and tests hold that no field vanishes and that none is missing.
"""
