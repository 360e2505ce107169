"""What `evctl tail` does: records of a topic, from where on, which of them, and how they look.

- `selection`: from where to where, as asked for; `offsets`: the same as offsets of the log
- `last`: the newest records; `following`: what is appended while one looks
- `shown`: a record as it is seen, readable or not; `people`, `json_lines`: its two forms
"""
