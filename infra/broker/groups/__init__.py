"""Consumer groups: members, generations, and the offsets that they commit."""
