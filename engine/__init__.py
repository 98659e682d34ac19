"""The dataflow machinery: nodes, graphs and the runner. It knows nothing of AI."""
