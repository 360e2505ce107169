"""A telescope that is not there: it says what a real one says, and carries out what it is asked.

Seeded and without a clock: what it says follows from its scenario and from what it heard. `night`
plays it; `talking` has what it says by itself, `answering` what it says to what is asked of it,
`shots` what comes of a shot, `atmosphere` the weather, `sky` where things stand, `faults` what goes
wrong on request.
"""
