"""The queue beside its peers and beside the least that a queue on Postgres can do: `nightdesk bench queue`."""
