"""What requests and answers look like: the one source of validation and of the OpenAPI document."""
