"""The language the services speak: settings, jobs, codec, keys, queue, errors. Imports no service."""
