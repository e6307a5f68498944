"""The bodies of requests and responses, by subject. Unknown fields are refused, every field is bounded."""
