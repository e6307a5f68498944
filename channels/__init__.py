"""One folder per channel: how a message is parsed, written and sent there. Channels know types, never SQL."""
