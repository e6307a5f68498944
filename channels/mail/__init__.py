"""Mail itself: reading and writing MIME, shared by Gmail and mailboxes. Pure: no network, no files."""
