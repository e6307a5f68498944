"""The two brains behind one loop: GPT-4o, and the offline model that needs nobody."""
