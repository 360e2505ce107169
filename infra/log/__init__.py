"""The log as every other part sees it: one client path to the embedded broker and to Kafka.

- `cluster`: where the log is, and how clients of it are configured
- `topics`: declared topics made, and compared with what the cluster really has
- `registry`: the schemas in use, by id; `schemas_topic` keeps them on `_schemas`, `schemas_rest` in
  an external registry
- `writing`: events to records, acknowledged
- `reading`: messages from fixed starts to fixed ends; `decoding`: messages to records
- `turns`: what only one process may do at a time
"""
