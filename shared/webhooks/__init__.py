"""Telling a job's owner by HTTP what became of it: Standard Webhooks 1.0, with a durable ledger of deliveries."""
