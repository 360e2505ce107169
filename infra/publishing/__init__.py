"""What `evctl publish` does: input of any form to records, all checked before the first is sent.

- `inputs`: what stands in files and on standard input, recognised by content; `json_input`,
  `avro_input`: the two kinds; `arguments`: records typed on the command line
- `events`, `packets`: input to Avro, for topics of our events and of foreign schemas
- `spool`: encoded records that wait for the last one to be checked
- `sending`: records to the log, at a rate, until all are acknowledged
"""
