"""From evidence to decision: policy, sentiment, answerability, grounding, and the one function that decides."""
