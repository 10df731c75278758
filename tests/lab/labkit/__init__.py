"""Real XMPP servers and clients for the end-to-end tests, started as our own processes."""
