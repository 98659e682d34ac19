"""The search APIs behind the tool `web_search`, one file a kind. Each is a pair of functions without input or output."""
