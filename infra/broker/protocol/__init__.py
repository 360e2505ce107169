"""What goes over the wire: connections, frames, requests and their encodings."""
