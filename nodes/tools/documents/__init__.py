"""Documents to text: what strangers wrote is read in processes of its own, which can be ended and can reach nothing."""
