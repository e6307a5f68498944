"""What a customer wants: a classifier over a desk's own labels that knows how far it can be trusted."""
