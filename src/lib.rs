//! What an XMPP server gets to see of a client.
