"""What the desk knows: reading documents, cutting them into passages, embedding, searching."""
