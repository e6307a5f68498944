"""Typed query functions, one module per noun. They take a connection and never begin or commit."""
