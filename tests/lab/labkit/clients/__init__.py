"""Real clients, one module each. Every one logs in to an `Endpoint` and writes down what it emitted."""
