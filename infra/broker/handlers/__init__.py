"""Who answers what: one module for each kind of request."""
