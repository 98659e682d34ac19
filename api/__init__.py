"""The hosted API: routes, edge, supervisor, accounts, ledger, command line. The only place that wires everything."""
