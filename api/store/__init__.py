"""The stores: accounts, keys, the ledger and generations behind the ports of `nodes.ports`.

Nothing is re-exported here: the writer and the report processes start with this package and stay small by importing
only what they need.
"""

__all__: list[str] = []
