"""`nightdesk doctor`: looks at everything the desk needs, changes nothing, and says what to do."""
