"""A crowd of messages, as many as one likes, and how long searching among them takes."""
